"""Our own token counts for stored calls without usage: an offer of rank 70 like any other.

A reading of the provider's usage that comes later, from a duplicate, has a better rank and takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable

from processor.calls.call import ESTIMATED, ModelCall
from processor.calls.estimate import RANK, is_own
from processor.calls.merge import USAGE, USAGE_FIELD, take_usage
from processor.calls.precedence import usage_rank
from storage.journal.amender import Change
from storage.journal.stored_row import Price, Row


def estimate(counted: ModelCall, price: Price, price_map_id: int | None = None) -> Change:
    """The change that gives a row estimated token counts where it has none still.

    Args:
        counted: a call of which only the counts and their sources are taken (`Estimator.fill`).
    """

    def change(row: Row) -> Iterable[Row]:
        if row.merged_into is not None or usage_rank(row.call) <= RANK:
            return ()
        take_usage(row.call, counted)
        row.completed[USAGE_FIELD] = RANK, row.call.span_id.hex()
        row.charge = price(row.call)
        if price_map_id is not None:
            row.price_map_id = price_map_id
        return (row,)

    return change


def is_estimated(call: ModelCall) -> bool:
    """Whether a call's token counts are our own."""
    return call.usage_source == ESTIMATED and any(is_own(s) for s in call.sources if s.field in USAGE)
