"""What one call costs: a pure, exact function of the call and the price book."""

from __future__ import annotations

from typing import Final, NamedTuple

from processor.calls.call import ERROR, ESTIMATED, Flag, ModelCall
from processor.pricing.book import PriceBook
from processor.pricing.classes import class_costs
from processor.pricing.vectors import PriceVector

PRICED: Final = "priced"
FREE: Final = "free"
UNPRICED_MODEL: Final = "unpriced_model"
NO_USAGE: Final = "no_usage"
BAD_USAGE: Final = "bad_usage"
ERROR_WITHOUT_USAGE: Final = "error_without_usage"

_BILL_DIFFERS: Final = int(Flag.BILL_DIFFERS)
_BILLERS: Final = frozenset({"openrouter"})
"""Dialects of gateways that send the bill and write it on their spans. OpenRouter's price depends on the host
that it chose, and with a key of one's own it bills a fee alone
(https://openrouter.ai/docs/guides/overview/auth/byok)."""
_new: Final = tuple.__new__
_BIGINT: Final = 2**63 - 1
_INPUT_ONLY: Final = frozenset({"embeddings", "rerank", "moderation"})
"""Operations that have no output tokens: a missing count is zero there."""
_USAGE_INVALID: Final = int(Flag.USAGE_INVALID)
_CACHE_PRICE_ASSUMED: Final = int(Flag.CACHE_PRICE_ASSUMED)
_COST_UNCERTAIN: Final = int(Flag.COST_UNCERTAIN)
_MAY_BE_SEVERAL: Final = int(Flag.SEVERAL_CALLS | Flag.PROMOTED)
"""Sums of calls: known ones, and spans around calls that nobody sent (an agent's may stand for many)."""
PRICE_FLAGS: Final = int(
    Flag.CACHE_PRICE_ASSUMED
    | Flag.COST_UNCERTAIN
    | Flag.RATE_MISSING
    | Flag.MODALITY_UNKNOWN
    | Flag.BILL_DIFFERS
)
"""Flags that pricing alone sets: a new price replaces them, all others stay with the call."""
UNCERTAIN: Final = int(
    Flag.USAGE_LOSSY
    | Flag.USAGE_AMBIGUOUS
    | Flag.DATA_MODE_UNKNOWN
    | Flag.CACHE_PRICE_ASSUMED
    | Flag.RATE_MISSING
    | Flag.MODALITY_UNKNOWN
    | Flag.REGION_PRICED
    | Flag.TIER_ASSUMED
    | Flag.FEES_MISSING
    | Flag.BILL_DIFFERS
)
"""Reasons why a cost may be wrong (LEDGER §14). SQL knows only `COST_UNCERTAIN`, which one of them sets.

`SEVERAL_CALLS` is one too, where a long-context step may or may not apply to the calls of a sum.
"""


class Charge(NamedTuple):
    """The price of one call in whole pico-USD (10^-12 USD).

    Attributes:
        status: `priced`, `free`, `estimated` have a cost; `unpriced_model`, `no_usage`, `bad_usage`,
            `error_without_usage` have none (LEDGER §14). An unpriced model may have prices, but none for
            what the call used: then a flag says which.
        cost: the sum of the five classes; None when unknown, never 0 for unknown.
        input_cost: fresh input tokens, audio and images in them included.
        output_cost: output tokens, reasoning, audio and images in them included.
        other_cost: fees per call.
        vector_id: id of the price vector that was used (`_genai.price_vector`), None without one.
        flags: bits of `processor.calls.call.Flag` that pricing adds.
    """

    status: str
    cost: int | None = None
    input_cost: int | None = None
    cache_read_cost: int | None = None
    cache_write_cost: int | None = None
    output_cost: int | None = None
    other_cost: int | None = None
    vector_id: int | None = None
    flags: int = 0


_UNPRICED: Final = Charge(UNPRICED_MODEL)
_NO_USAGE: Final = Charge(NO_USAGE)
_BAD_USAGE: Final = Charge(BAD_USAGE)
_ERROR_WITHOUT_USAGE: Final = Charge(ERROR_WITHOUT_USAGE)


def price_call(call: ModelCall, book: PriceBook) -> Charge:
    """Price one admitted call with the prices that held at its `time_ns`.

    The step of a long context is a cliff on all input tokens: above the threshold every class of the call
    has the upper price. A sum of several calls never reaches it. Costs are sums of products of integers,
    exact by definition.
    """
    vectors = book.lookup(call.provider, call.model, call.service_tier, call.time_ns)
    tokens_in, tokens_out = call.input_tokens, call.output_tokens
    if tokens_in is None or tokens_out is None:
        if tokens_in is None or call.operation not in _INPUT_ONLY or call.flags & _USAGE_INVALID:
            return _without_usage(call, vectors)
        tokens_out = 0
    if vectors is None:
        return _UNPRICED
    vector, flags = vectors[0], 0
    for higher in vectors[1:]:
        if tokens_in > higher.input_tokens_gt:
            if call.flags & _MAY_BE_SEVERAL:
                flags = _COST_UNCERTAIN
            else:
                vector = higher
    read, write = call.cache_read_tokens or 0, call.cache_write_tokens or 0
    hour = call.cache_write_1h_tokens or 0
    fresh = tokens_in - read - write
    if fresh < 0 or hour > write:
        return _BAD_USAGE
    ci, co, cr, cw, ch, fee, assumed, thinks, special = vector.weights
    input_cost, read_cost, output_cost = ci * fresh, cr * read, co * tokens_out
    if (
        special or call.input_audio_tokens or call.output_audio_tokens
        or call.input_image_tokens or call.output_image_tokens or (thinks and call.reasoning_tokens)
    ) and not vector.free:  # fmt: skip
        input_cost, read_cost, output_cost, more, is_priced = class_costs(call, vector, fresh, tokens_out)
        if not is_priced:
            return Charge(UNPRICED_MODEL, flags=more)
        flags |= more
    write_cost = cw * (write - hour) + ch * hour
    cost = input_cost + read_cost + write_cost + output_cost + fee
    if cost > _BIGINT:
        return _BAD_USAGE
    if not (ci and co) and _is_silent(vector, tokens_in, tokens_out):
        return _UNPRICED
    if assumed:
        assumed &= (read > 0) + 2 * (write > hour) + 4 * (hour > 0)
    status = FREE if vector.free else ESTIMATED if call.usage_source == ESTIMATED else PRICED
    if assumed:
        flags |= _CACHE_PRICE_ASSUMED
    if call.reported_cost_pico_usd is not None and call.dialect in _BILLERS:
        flags |= _bill_differs(cost, call.reported_cost_pico_usd)
    if (call.flags | flags) & UNCERTAIN and not vector.free:
        flags |= _COST_UNCERTAIN
    parts = (status, cost, input_cost, read_cost, write_cost, output_cost, fee, vector.id, flags)
    return _new(Charge, parts)  # Charge(*parts) takes 0.3 µs more


def _bill_differs(cost: int, bill: int) -> int:
    """The flag of a cost that is more than a hundredth away from the bill."""
    return _BILL_DIFFERS if 100 * abs(cost - bill) > bill else 0


def _is_silent(vector: PriceVector, tokens_in: int, tokens_out: int) -> bool:
    """Whether the price list says nothing about a side that was used: unknown, and not free."""
    rates = vector.rates
    return bool((rates.input is None and tokens_in) or (rates.output is None and tokens_out))


def _without_usage(call: ModelCall, vectors: tuple[PriceVector, ...] | None) -> Charge:
    if call.flags & _USAGE_INVALID:
        return _BAD_USAGE
    if call.status == ERROR and call.input_tokens is None and call.output_tokens is None:
        return _ERROR_WITHOUT_USAGE
    if vectors is not None and vectors[0].free:
        return Charge(FREE, 0, 0, 0, 0, 0, 0, vectors[0].id)
    return _NO_USAGE
