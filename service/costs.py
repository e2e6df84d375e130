"""Cost and tokens of new calls as counters, by endpoint and model: a bounded number of series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from processor.calls.call import ModelCall
from processor.pricing.charge import Charge
from service import metrics

MAX_SERIES: Final = 500
"""Combinations of labels that one worker counts apart; later ones are counted together."""
OTHER: Final = "__other__"
_PICO: Final = 10**12

Series = tuple[str, str, str, str]
"""Environment, data mode, endpoint, model."""


class CostCounters:
    """Adds calls to the counters, each once."""

    def __init__(self) -> None:
        self._known: set[Series] = set()

    def add(self, calls: Iterable[tuple[ModelCall, Charge]]) -> None:
        """Count the calls of one request: an unknown cost or count adds nothing."""
        sums: defaultdict[Series, list[int]] = defaultdict(lambda: [0, 0, 0])
        for call, charge in calls:
            row = sums[call.environment, call.data_mode, call.endpoint_tag or "", call.model]
            row[0] += charge.cost or 0
            row[1] += call.input_tokens or 0
            row[2] += call.output_tokens or 0
        for series, (cost, tokens_in, tokens_out) in sums.items():
            labels = self._bounded(series)
            metrics.cost_usd.labels(*labels).inc(cost / _PICO)
            metrics.tokens.labels(*labels, "input").inc(tokens_in)
            metrics.tokens.labels(*labels, "output").inc(tokens_out)

    def _bounded(self, series: Series) -> Series:
        if series in self._known:
            return series
        if len(self._known) >= MAX_SERIES:
            return OTHER, OTHER, OTHER, OTHER
        self._known.add(series)
        return series
