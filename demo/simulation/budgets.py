"""The budget of a simulated run-out, as parts of what its scope usually spends."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import NamedTuple

from demo.simulation.play import model_call
from demo.simulation.scenarios import Budget
from demo.simulation.world import World, drafts
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call


class Limits(NamedTuple):
    """USD: the limit of a day, and the spend-alert by the hour."""

    daily: Decimal
    hourly: Decimal


def limits(
    world: World, budget: Budget, start: datetime, begin: datetime, end: datetime, book: PriceBook
) -> Limits:
    """The limits for what is usually spent.

    Args:
        start: from when on the day's spend is in the ledger.
        begin, end: of the incident, as far as it is looked at.
    """
    before, during = (_spent(world, budget, *span, book) for span in ((start, begin), (begin, end)))
    hour = during / Decimal((end - begin) / timedelta(hours=1))
    return Limits(
        _cents(before + during * (1 + Decimal(budget.daily))), _cents(hour * Decimal(budget.hourly))
    )


def _spent(world: World, budget: Budget, start: datetime, end: datetime, book: PriceBook) -> Decimal:
    pico_usd = 0
    for draft in drafts(world, start, end):
        if draft.feature.endpoint == budget.scope["endpoint"]:
            pico_usd += price_call(model_call(draft), book).cost or 0
    return Decimal(pico_usd).scaleb(-12)


def _cents(usd: Decimal) -> Decimal:
    return max(Decimal("0.01"), usd.quantize(Decimal("0.01"), ROUND_UP))
