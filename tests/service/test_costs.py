"""Cost and tokens on `/metrics`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from processor.calls.call import Batch, ModelCall, Outcome
from processor.pricing.charge import Charge
from service import costs, metrics
from service.costs import OTHER, CostCounters
from tests.service.test_pipeline import Sink, call, pipeline

PAGE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def of(endpoint: str) -> dict[str, str]:
    return {"environment": "prod", "data_mode": "real", "endpoint": endpoint, "model": "gpt-4o-mini"}


class Half(Sink):
    """Accepts every second call; the others were there before."""

    async def submit(self, batch: Batch, charges: object) -> Outcome:
        new = batch.calls[::2]
        return Outcome(len(new), len(batch.calls) - len(new), (), new)


async def test_new_calls_are_counted_and_duplicates_are_not() -> None:
    sent = [call(endpoint_tag="half") for _ in range(4)]
    await pipeline(Half()).consume(Batch(sent, spans=4))

    assert value("spanledger_cost_usd_total", **of("half")) == pytest.approx(2 * 0.000189)
    assert value("spanledger_tokens_total", **of("half"), type="input") == 2 * 540
    assert value("spanledger_tokens_total", **of("half"), type="output") == 2 * 180
    assert value("spanledger_last_call_timestamp_seconds") > 1_700_000_000


def test_an_unknown_cost_adds_nothing() -> None:
    CostCounters().add([(call(endpoint_tag="unknown"), Charge("unpriced_model"))])
    assert value("spanledger_cost_usd_total", **of("unknown")) == 0
    assert value("spanledger_tokens_total", **of("unknown"), type="input") == 540


def test_the_number_of_series_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "MAX_SERIES", 3)
    counters = CostCounters()
    others = dict.fromkeys(("environment", "data_mode", "endpoint", "model"), OTHER)
    before = value("spanledger_tokens_total", **others, type="input")
    calls: list[ModelCall] = [call(endpoint_tag=f"bounded {number}") for number in range(10)]
    counters.add((each, Charge("priced", 1)) for each in calls)

    assert value("spanledger_tokens_total", **of("bounded 2"), type="input") == 540
    assert value("spanledger_tokens_total", **of("bounded 3"), type="input") == 0
    assert value("spanledger_tokens_total", **others, type="input") - before == 7 * 540


def test_the_page_names_metrics_and_labels_that_exist() -> None:
    exposed = {
        sample: set(getattr(metric, "_labelnames", ()))
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
        for described in metric.describe()
        for sample in (described.name, f"{described.name}_total")
    }
    named = set(re.findall(r"spanledger_[a-z_]+", PAGE))
    assert named - set(exposed) == set()
    for name, labels in re.findall(r"(spanledger_[a-z_]+)\{([^}]*)\}", PAGE):
        assert set(re.findall(r"(\w+)=", labels)) <= exposed[name], name


def test_the_rules_of_the_page_are_rules() -> None:
    rules = yaml.safe_load(re.findall(r"```yaml\n(# spanledger-rules.*?)```", PAGE, re.DOTALL)[0])
    [group] = rules["groups"]
    assert all({"alert", "expr", "annotations"} <= set(rule) for rule in group["rules"])
