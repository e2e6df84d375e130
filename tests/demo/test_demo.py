"""The demo's plan, its truth, and its history against what the instrumentations really write."""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from rich.console import Console

from demo import budgets, history, next_steps, questions, screen, shop, truth
from demo import settings as files
from demo.alerts import Alert
from demo.plan import OK, Plan, make_plan
from demo.stage import Process, telemetry
from demo.traffic import Customers, requests_per_second
from demo.truth import Totals
from processor.calls.call import ModelCall
from service.config import load_config
from service.operator_files import read_operator_files
from tests.service.otlp_sink import Received, otlp_sink
from tests.sizes import examples

NOON_TUESDAY = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANCHORS = [
    NOON_TUESDAY,
    datetime(2026, 11, 24, 4, 17, tzinfo=UTC),
    datetime(2026, 11, 22, 23, 59, tzinfo=UTC),
]


@cache
def day_until(anchor: datetime, seed: int = 7) -> Plan:
    """The day before a moment, drawn once for all tests: none changes it."""
    return make_plan(anchor, seed, days=1)


anchors = st.datetimes(datetime(2026, 1, 2), datetime(2030, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


def test_the_same_seed_and_anchor_draw_the_same_day() -> None:
    assert make_plan(NOON_TUESDAY, 3, scale=0.02) == make_plan(NOON_TUESDAY, 3, scale=0.02)
    assert make_plan(NOON_TUESDAY, 3, scale=0.02) != make_plan(NOON_TUESDAY, 4, scale=0.02)


@settings(max_examples=examples(20))
@given(anchors, st.integers(0, 2**32))
def test_every_call_lies_in_the_days_and_its_usage_adds_up(anchor: datetime, seed: int) -> None:
    plan = make_plan(anchor, seed, scale=0.02, days=2)
    first, last = int(plan.begin.timestamp()) * 10**9, int(plan.anchor.timestamp()) * 10**9
    for request, call in plan.calls():
        assert first <= call.start_ns < call.end_ns < last
        assert (call.usage is not None) == (call.outcome == OK)
        if call.usage:
            assert call.usage.cache_read + call.usage.cache_write <= call.usage.input
            assert call.usage.reasoning <= call.usage.output
        assert request.calls[call.attempt - 1] is call
    assert len({request.request_id for request in plan.requests}) == len(plan.requests)


@pytest.mark.parametrize("anchor", ANCHORS, ids=str)
@pytest.mark.parametrize("seed", [7, 8])
def test_the_findings_are_planted_at_any_hour(anchor: datetime, seed: int) -> None:
    plan = day_until(anchor, seed)
    answers = questions.expected(plan)
    before, after = answers["before"]["answer_v7"], answers["after"]["answer_v8"]
    longer = (after.output_tokens / after.successes) / (before.output_tokens / before.successes)
    assert 2.8 < longer < 3.2
    assert "answer_v8" not in answers["before"]
    assert "answer_v7" not in answers["after"]
    spend = sum(answers["tenants"].values(), Totals()).cost
    assert 0.35 < answers["tenants"][shop.HEAVY_TENANT].cost / spend < 0.45
    assert {name for name, totals in answers["models"].items() if totals.unpriced} == {
        shop.OWN_MODEL.answers_as
    }
    storm, day = answers["storm"][shop.PRODUCT_QA.tag], answers["endpoints"][shop.PRODUCT_QA.tag]
    rest = day - storm
    assert storm.calls / storm.successes > 1.8
    assert rest.calls / rest.successes < 1.05


def test_every_day_is_as_busy_as_the_curve_says() -> None:
    plan = make_plan(NOON_TUESDAY)
    assert (plan.anchor - plan.begin).days >= 8
    days = truth.by(plan, lambda _, call: str((NOON_TUESDAY.timestamp() - call.start_ns / 1e9) // 86_400))
    by_curve = sum(feature.per_day for feature in shop.FEATURES if feature.first_hours_ago is None)
    assert len(days) == plan.days
    for totals in days.values():
        assert totals.requests == pytest.approx(by_curve, rel=0.04)


@pytest.mark.parametrize("hour", [3, 11])
def test_live_traffic_is_as_busy_as_the_plan_at_that_hour(hour: int) -> None:
    anchor = NOON_TUESDAY.replace(hour=hour)
    plan = make_plan(anchor, days=1)
    last_hours = [r for r in plan.requests if anchor.timestamp() - r.calls[0].start_ns / 1e9 < 3 * 3600]
    live = sum(requests_per_second(anchor - timedelta(minutes=30 + 60 * n)) * 3600 for n in range(3))
    assert len(last_hours) == pytest.approx(live, rel=0.05)


def test_the_list_prices_of_the_demo_are_those_of_the_price_book() -> None:
    price_map = pytest.importorskip("processor.pricing.load")
    from processor.pricing.charge import price_call

    book = price_map.load_price_book(None)
    for request, call in make_plan(NOON_TUESDAY, scale=0.1, days=1).calls():
        charge = price_call(_as_call(request, call), book)
        assert charge.cost == truth.cost_of(request.model, call.usage)


def _as_call(request: questions.PlannedRequest, call: questions.PlannedCall) -> ModelCall:
    model, usage = request.model, call.usage
    read = ModelCall(
        time_ns=call.start_ns,
        provider=model.provider,
        model=model.answers_as,
        operation=request.feature.operation,
        status="error" if truth.failed(call) else "success",
    )
    if usage:
        read.input_tokens, read.output_tokens, read.usage_source = usage.input, usage.output, "provider"
        read.cache_read_tokens, read.cache_write_tokens = usage.cache_read, usage.cache_write
    return read


def test_sums_of_parts_are_the_sum_of_the_whole() -> None:
    answers = questions.expected(make_plan(NOON_TUESDAY, scale=0.1))
    wholes = {str(sum(answers[name].values(), Totals())) for name in ("endpoints", "tenants", "models")}
    assert len(wholes) == 1


def test_a_figure_that_is_off_by_one_is_named() -> None:
    wanted = questions.expected(make_plan(NOON_TUESDAY, scale=0.02))
    got = {name: dict(answer) for name, answer in wanted.items()}
    assert questions.differences(wanted, got) == []
    totals = wanted["tenants"]["globex"]
    got["tenants"]["globex"] = dataclasses.replace(totals, cost=totals.cost + 1)
    got["models"]["surprise"] = Totals(calls=1)
    assert questions.differences(wanted, got) == [
        f"tenants globex: cost is {totals.cost + 1:,}, and should be {totals.cost:,}",
        "models surprise: calls is 1, and should be 0",
    ]


LONG_SUMMARY = "gpt-oss-20b-catalog: 31 calls without a price in an hour, 40 in a day, about $0.05 a day"


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_cuts_nothing_off(width: int) -> None:
    with Path("/dev/null").open("w") as nowhere:
        console = Console(width=width, record=True, highlight=False, file=nowhere)
        for anchor in ANCHORS:
            plan = day_until(anchor)
            console.print(screen.report(plan, questions.expected(plan), screen.Delivery(20_163, 4.2, 333)))
        console.print(
            next_steps.alerts([Alert("Model without a price", LONG_SUMMARY)], "http://127.0.0.1:4319")
        )
    text = console.export_text()
    assert "…" not in text
    assert LONG_SUMMARY in " ".join(text.split())
    assert re.search(r"northwind makes 1\d% of the calls and (3|4)\d% of the spend", text)


def test_history_is_the_same_spans_every_time() -> None:
    plan = make_plan(NOON_TUESDAY, scale=0.01, days=2)
    once, twice = (
        [
            span.to_json()
            for spans in history.history(plan, "support-bot", {"service.instance.id": "1"})
            for span in spans
        ]
        for _ in range(2)
    )
    assert once == twice
    assert len(once) == history.span_count(plan, "support-bot")


PROVIDER = ("--seconds-per-token=0", "--refused-of=4")


@pytest.fixture(scope="module")
def live_spans(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[list[Received], dict[str, object]]]:
    """Spans of the running services, each of whose features was asked until it had both success and error."""
    logs = tmp_path_factory.mktemp("demo")
    with otlp_sink() as sink:
        provider = Process(["demo", "provider", *PROVIDER], logs / "provider.log", {})
        url = f"http://127.0.0.1:{provider.port()}"
        services = {
            name: Process(
                ["demo", name, f"--provider={url}"],
                logs / f"{name}.log",
                telemetry(name, "http/protobuf", int(sink.url.rpartition(":")[2])),
            )
            for name in history.SERVICES
        }
        try:
            statuses = Customers({name: process.port() for name, process in services.items()}).burst(120)
            assert set(statuses) == {200}
            with urllib.request.urlopen(f"{url}/bill") as answer:
                bill = json.load(answer)
        finally:
            for process in (*services.values(), provider):
                process.stop()  # flushes
        yield sink.received, bill


CONTENT = ("llm.input_messages.", "llm.output_messages.", "embedding.embeddings.")
"""What OpenInference repeats of the question and the answer; the history leaves it out."""
ABOVE_ZERO = {
    f"gen_ai.usage.{part}_tokens" for part in ("cache_read.input", "cache_write.input", "reasoning.output")
}
"""Written only when there is something to say, so the traffic decides whether they are there."""


@pytest.mark.slow
def test_history_writes_what_the_instrumentations_write(live_spans: tuple[list[Received], object]) -> None:
    live = _keys_by_kind(live_spans[0])
    plan = day_until(NOON_TUESDAY)
    with otlp_sink() as sink:
        exporter = OTLPSpanExporter(f"{sink.url}/v1/traces")
        for service in history.SERVICES:
            history.send(plan, service, exporter, {}, lambda _: None)
        exporter.shutdown()
        planned = _keys_by_kind(sink.received)
    for kind, keys in live.items():
        without_content = {key for key in keys if not key.startswith(CONTENT)}
        assert planned[kind] - ABOVE_ZERO == without_content - ABOVE_ZERO, kind
    only_planned = {kind[-1] for kind in planned.keys() - live.keys()}
    assert only_planned == {"interrupted", "failed request"}


def _keys_by_kind(received: list[Received]) -> dict[tuple[object, ...], set[str]]:
    found: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for one in received:
        usage = any("usage" in key or "token_count" in key for key in one.keys)
        outcome = "error" if one.span.status.code == 2 else "answered" if usage else "interrupted"
        if one.scope == "shop":
            outcome = "failed request" if one.span.status.code == 2 else "request"
        found[(one.scope, one.span.name, one.span.kind, one.span.status.code, outcome)] |= one.keys
    return found


@pytest.mark.slow
def test_the_provider_sees_no_tags(live_spans: tuple[list[Received], dict[str, object]]) -> None:
    assert live_spans[1]["leaked_headers"] == 0


@pytest.mark.slow
def test_live_spans_are_the_providers_bill(live_spans: tuple[list[Received], dict[str, object]]) -> None:
    received, bill = live_spans
    models = bill["models"]
    assert isinstance(models, dict)
    calls = [one for one in received if one.scope not in ("shop", "com.anthropic.sdk.python")]
    assert len(calls) == sum(totals["calls"] for totals in models.values())
    errors = [one for one in calls if one.span.status.code == 2]
    assert len(errors) == sum(totals["errors"] for totals in models.values()) > 0


def test_a_kept_demo_is_served_with_its_budgets_and_misses_no_service(tmp_path: Path) -> None:
    budgets.write(make_plan(datetime(2026, 5, 4, 9, tzinfo=UTC), 1, days=2), tmp_path)
    files.write(tmp_path)
    config = load_config(tmp_path / files.CONFIG, {}, {"SPANLEDGER_DATA_DIR": str(tmp_path)})
    content = {file.kind: file.content for file in read_operator_files(config)}
    assert [each["name"] for each in content["budgets"]["budgets"]] == ["the whole shop", "support answers"]
    silent, burst, drift = content["rules"]["settings"]
    assert silent == {"rule": "telemetry_silent", "enabled": False}
    assert burst == {"rule": "burst_failing", "minimum": 50}
    assert drift == {"rule": "cost_drift_prompt", "threshold": "1.3", "minimum_usd": "0.10"}
