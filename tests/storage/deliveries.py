"""What deliveries of the same spans end in: columns of their rows that do not say when or how they came.

Left out are `received_at`, `promoted` and first costs. Requests are compared as a sum, since each is counted
where its first committed call stands (LEDGER §5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from hypothesis import strategies as st

from tests.receiver.spans import Made
from tests.storage.late import Late

COLUMNS = (
    "trace_id", "span_id", "parent_span_id", "time", "provider", "model", "request_model", "operation",
    "endpoint_tag", "prompt_version", "user_id", "tenant_id", "conversation_id", "attempt", "environment",
    "data_mode", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    "cache_write_1h_tokens", "reasoning_tokens", "input_audio_tokens", "output_audio_tokens",
    "input_image_tokens", "output_image_tokens", "usage_source", "latency_ms", "time_to_first_token_ms",
    "status", "error_type", "http_status", "streaming", "service_tier", "reported_cost_usd", "response_id",
    "external_request_id", "request_id_given", "cost_pico_usd", "input_cost_pico_usd",
    "cache_read_cost_pico_usd", "cache_write_cost_pico_usd", "output_cost_pico_usd", "other_cost_pico_usd",
    "price_status", "array_remove(flags, 'promoted') AS flags", "dialect", "sources",
)  # fmt: skip
NAMES = [column.rpartition(" AS ")[2] for column in COLUMNS]
STEP = 0x100
_numbers = count(0xABC00000, STEP)

State = dict[str, dict[str, Any]]
"""What the rows of a delivery say, by trace and span; and under `all` the requests in all."""
Originals = Iterable[tuple[str, str]]
"""Texts that only one delivery has → what stands there in every other."""


def new_number() -> int:
    """What keeps a delivery apart from others; it and the next `STEP` are, in hex, in no id of a span."""
    return next(_numbers)


def settle(late: Late) -> None:
    """Bind until nothing can change any more."""
    for minute in (40, 80, 400, 401):
        late.bind(minute)


def stored(late: Late, prefix: str = "") -> dict[str, list[dict[str, Any]]]:
    """Rows whose trace ids begin so, by the first four bytes of them."""
    columns = f"left(trace_id, 8), {', '.join(COLUMNS)}, requests"
    query = f"SELECT {columns} FROM genai.model_call WHERE starts_with(trace_id, %s)"  # noqa: S608
    found: dict[str, list[dict[str, Any]]] = {}
    for delivery, *row in late.rows(query, prefix):
        found.setdefault(delivery, []).append(dict(zip((*NAMES, "requests"), row, strict=True)))
    return found


def state(rows: Iterable[dict[str, Any]], originals: Originals) -> State:
    """What a delivery ended in."""
    own, rows = list(originals), [dict(row) for row in rows]
    requests = sum(row.pop("requests") for row in rows)
    plain = [{name: _plain(value, own) for name, value in row.items()} for row in rows]
    by_span = {f"{row['trace_id']}/{row['span_id']}": row for row in plain}
    assert len(by_span) == len(plain), "a span is counted twice"
    return by_span | {"all": {"requests": requests}}


def differences(one: State, other: State) -> list[Any]:
    """Where two states differ: rows that only one has, and columns."""
    only = [("only in one", span) for span in sorted(one.keys() ^ other.keys())]
    return only + [
        (span, name, value, other[span][name])
        for span in sorted(one.keys() & other.keys())
        for name, value in one[span].items()
        if value != other[span][name]
    ]


def _plain(value: Any, originals: Originals) -> Any:
    if isinstance(value, str):
        for sent, original in originals:
            value = value.replace(sent, original)
        return value
    return sorted(map(str, value)) if isinstance(value, list) else value


class Deliveries:
    """Deliveries of the same spans side by side in one ledger, apart by trace, response id and service."""

    def __init__(self, late: Late) -> None:
        self.late = late
        self._number = 0

    def begin(self) -> None:
        self._number = new_number()

    def own(self, span: Made) -> Made:
        """The span as it is sent in this delivery."""
        number = self._number
        attributes = dict(span.attributes)
        if str(attributes.get("gen_ai.response.id", "")).startswith("msg_"):
            attributes["gen_ai.response.id"] = f"{attributes['gen_ai.response.id']}{number:08x}"
        if "llm.openai.id" in attributes:
            attributes["llm.openai.id"] = f"{attributes['llm.openai.id']}{number:08x}"
        if "external_request_id" in attributes:
            attributes["external_request_id"] = f"{attributes['external_request_id']}{number:08x}"
        trace = number.to_bytes(4, "big") + span.trace.rjust(12, b"t")
        return replace(span, attributes=attributes, trace=trace, resource={"service.name": f"s{number:08x}"})

    def send(self, spans: Sequence[Made], minute: float, receiver: int) -> None:
        self.late.send(*map(self.own, spans), minute=minute, receiver=receiver)

    def settle(self) -> None:
        settle(self.late)

    def state(self) -> State:
        """What the rows say, by span, as every delivery would say it; and the requests in all."""
        suffix = f"{self._number:08x}"
        return state(stored(self.late, suffix).get(suffix, ()), [(suffix, "")])


def ends(
    deliveries: Deliveries, requests: Sequence[Sequence[Made]], bound: Sequence[int] = range(99)
) -> list[Any]:
    """How these requests end otherwise than all spans in one request.

    Args:
        bound: numbers of the requests after which late binding runs.
    """
    deliveries.begin()
    deliveries.send([span for spans in requests for span in spans], 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    deliveries.begin()
    for number, spans in enumerate(requests):
        deliveries.send(spans, 0, 0)
        if number in bound:
            deliveries.late.bind(0)
    deliveries.settle()
    return differences(whole, deliveries.state())


def play(deliveries: Deliveries, spans: list[Made], data: st.DataObject) -> None:
    """Send the spans in drawn pieces, each once or twice, within the window, binding now and then."""
    pieces: list[list[Made]] = []
    for span in data.draw(st.permutations(spans)):
        for _ in range(data.draw(st.sampled_from([1, 1, 1, 2]))):
            if pieces and data.draw(st.booleans()):
                data.draw(st.sampled_from(pieces)).append(span)
            else:
                pieces.append([span])
    minute = 0
    for piece in pieces:
        deliveries.send(piece, minute, data.draw(st.integers(0, 1)))
        minute += data.draw(st.sampled_from([0, 0, 3]))
        if data.draw(st.booleans()):
            deliveries.late.bind(minute)
    deliveries.settle()
