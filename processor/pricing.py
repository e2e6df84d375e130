"""What one call costs: a pure, exact function of the call and the price book."""

from __future__ import annotations

from typing import NamedTuple


class Charge(NamedTuple):
    """The price of one call in whole pico-USD (10^-12 USD).

    Attributes:
        status: `priced`, `free`, `estimated` have a cost; `unpriced_model`, `no_usage`, `bad_usage`,
            `error_without_usage` have none (LEDGER §14).
        cost: the sum of the five classes; None when unknown, never 0 for unknown.
        vector_id: id of the price vector that was used (`_genai.price_vector`), None without one.
        flags: bits of `processor.call.Flag` that pricing adds.
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
