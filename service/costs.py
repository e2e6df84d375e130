"""Cost and tokens of new calls as counters, by endpoint and model: a bounded number of series."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from prometheus_client import Counter

from processor.calls.call import ModelCall
from processor.pricing.charge import Charge
from service import metrics

MAX_SERIES: Final = 500
"""Combinations of labels that one worker counts apart; later ones are counted together."""
OTHER: Final = "__other__"
_PICO: Final = 10**12

Series = tuple[str, str, str, str]
"""Environment, data mode, endpoint, model."""


class _Counters(NamedTuple):
    """The counters of one series: finding them by their labels costs more than counting."""

    cost: Counter
    tokens_in: Counter
    tokens_out: Counter


class CostCounters:
    """Adds calls to the counters, each once."""

    def __init__(self) -> None:
        self._known: dict[Series, _Counters] = {}
        self._others: _Counters | None = None

    def add(self, calls: Iterable[tuple[ModelCall, Charge]]) -> None:
        """Count the calls of one request: an unknown cost or count adds nothing."""
        sums: dict[Series, list[int]] = {}
        for call, charge in calls:
            series = call.environment, call.data_mode, call.endpoint_tag or "", call.model
            row = sums.get(series)
            if row is None:
                row = sums[series] = [0, 0, 0]
            row[0] += charge.cost or 0
            row[1] += call.input_tokens or 0
            row[2] += call.output_tokens or 0
        for series, (cost, tokens_in, tokens_out) in sums.items():
            counters = self._known.get(series) or self._new(series)
            counters.cost.inc(cost / _PICO)
            counters.tokens_in.inc(tokens_in)
            counters.tokens_out.inc(tokens_out)

    def _new(self, series: Series) -> _Counters:
        if len(self._known) < MAX_SERIES:
            return self._known.setdefault(series, _counters(series))
        self._others = self._others or _counters((OTHER, OTHER, OTHER, OTHER))
        return self._others


def _counters(series: Series) -> _Counters:
    tokens_in, tokens_out = (metrics.tokens.labels(*series, way) for way in ("input", "output"))
    return _Counters(metrics.cost_usd.labels(*series), tokens_in, tokens_out)
