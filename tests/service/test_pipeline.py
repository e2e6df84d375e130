"""The pipeline: admit, price, wait for the commit; one poison call costs only itself."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from processor.calls.admission import Admission
from processor.calls.call import Batch, ModelCall, Outcome, Rejection, UncountedSpan
from processor.calls.errors import Overloaded, StorageUnavailable
from processor.calls.identity import identity_rules
from processor.pricing.charge import Charge
from processor.pricing.load import load_price_book
from service import metrics
from service.pipeline import Pipeline

DAY_NS = 86_400 * 10**9


class Sink:
    """A consumer that keeps what it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.batches: list[tuple[Batch, Sequence[Charge]]] = []
        self._error = error

    async def submit(self, batch: Batch, charges: Sequence[Charge]) -> Outcome:
        if self._error:
            raise self._error
        self.batches.append((batch, charges))
        return Outcome(len(batch.calls), 0, batch.rejections)


def pipeline(sink: Sink) -> Pipeline:
    rules = Admission(identity_rules([b"a key of sixteen bytes"]))
    return Pipeline(rules, load_price_book(None), sink.submit)


def call(**fields: object) -> ModelCall:
    now = time.time_ns()
    made = ModelCall(
        time_ns=now, received_ns=now, provider="openai", model="gpt-4o-mini", usage_source="provider"
    )
    made.input_tokens, made.output_tokens = 540, 180
    for name, value in fields.items():
        setattr(made, name, value)
    return made


async def test_every_call_has_its_charge_at_its_place() -> None:
    sink = Sink()
    batch = Batch([call(), call(model="no-such-model"), call(input_tokens=1000)], spans=3)

    outcome = await pipeline(sink).consume(batch)

    ((stored, charges),) = sink.batches
    assert outcome.accepted == 3
    assert [charge.status for charge in charges] == ["priced", "unpriced_model", "priced"]
    assert [charge.cost for charge in charges] == [189_000_000, None, 258_000_000]
    assert len(stored.calls) == len(charges)


async def test_a_late_call_is_rejected_alone_and_the_charges_stay_beside_their_calls() -> None:
    sink = Sink()
    late = call(time_ns=time.time_ns() - 40 * DAY_NS, model="gpt-4o")

    outcome = await pipeline(sink).consume(Batch([call(), late, call(input_tokens=1000)], spans=3))

    ((stored, charges),) = sink.batches
    assert [rejection.reason for rejection in outcome.rejections] == ["too_late"]
    assert [kept.input_tokens for kept in stored.calls] == [540, 1000]
    assert [charge.cost for charge in charges] == [189_000_000, 258_000_000]


async def test_a_call_on_which_our_own_code_fails_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    sink = Sink()
    poison = call(endpoint_tag=object(), report_key=b"k" * 16)

    outcome = await pipeline(sink).consume(Batch([call(), poison, call()], spans=3))

    (rejection,) = outcome.rejections
    assert outcome.accepted == 2
    assert (rejection.reason, rejection.report_key) == ("unprocessable", b"k" * 16)
    assert "object object" not in caplog.text + rejection.detail


async def test_nothing_of_interest_does_not_touch_the_ledger() -> None:
    sink = Sink()

    assert await pipeline(sink).consume(Batch(spans=100)) == Outcome(0, 0, ())
    assert sink.batches == []


async def test_sightings_and_rejections_go_to_the_ledger_without_a_call() -> None:
    sink = Sink()
    await pipeline(sink).consume(
        Batch(sightings=[UncountedSpan(b"t", b"s", b"", "agent", "an agent")], spans=1)
    )
    await pipeline(sink).consume(
        Batch(rejections=[Rejection(b"", b"", "x", "bad_span_id", "spanId")], spans=1)
    )

    assert len(sink.batches) == 2


@pytest.mark.parametrize(
    ("error", "reason"), [(Overloaded("full"), "overloaded"), (StorageUnavailable("away"), "storage")]
)
async def test_a_refusal_is_counted_passed_on_and_leaves_nothing_waiting(
    error: Exception, reason: str
) -> None:
    before = metrics.totals("spanledger_refusals", "reason").get(reason, 0)
    tried = pipeline(Sink(error))

    with pytest.raises(type(error)):
        await tried.consume(Batch([call()], spans=1))

    assert metrics.totals("spanledger_refusals", "reason")[reason] == before + 1
    assert tried.waiting_requests == 0


async def test_users_are_hashed_before_they_reach_the_ledger() -> None:
    sink = Sink()
    await pipeline(sink).consume(Batch([call(user_id="ada@example.com", tenant_id="acme")], spans=1))

    (stored,) = sink.batches[0][0].calls
    assert stored.user_id is not None
    assert stored.user_id.startswith("h:")
    assert stored.tenant_id == "acme"
