"""The measures of a summary row, named once; SQL files write ranges of them.

`{requests..errors: u.#}` in a statement or a view stands for `u.requests, u.successes, u.errors`: the
measures from the one to the other, in their order, each in place of `#`. With `+` for `:` they are added up.
"""

from __future__ import annotations

import re
from typing import Final

MEASURES: Final = (
    *("calls", "requests", "successes", "errors", "cancelled"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("reasoning_tokens", "input_audio_tokens", "output_audio_tokens"),
    *("input_image_tokens", "output_image_tokens"),
    *("input_cost_pico_usd", "cache_read_cost_pico_usd", "cache_write_cost_pico_usd"),
    *("output_cost_pico_usd", "other_cost_pico_usd", "wasted_cost_pico_usd"),
    *("unpriced_calls", "uncertain_calls", "error_without_usage_calls"),
    *("latency_calls", "latency_us_sum"),
    *(f"latency_b{bucket:02d}" for bucket in range(24)),
)
"""Columns of `_genai.usage_minute` and its like. They add up; all but `calls` are NULL instead of 0."""

_RANGE: Final = re.compile(r"\{(\w+)\.\.(\w+)([:+]) ([^{}]*)\}")


def write_out(sql: str) -> str:
    """The SQL with every range of measures written out.

    Raises:
        ValueError: a range begins or ends with no measure, or ends before it begins.
    """
    return _RANGE.sub(_written_out, sql)


def _written_out(found: re.Match[str]) -> str:
    first, last = MEASURES.index(found[1]), MEASURES.index(found[2])
    if last < first:
        raise ValueError(f"{found[0]} ends before it begins")
    between = {":": ", ", "+": " + "}[found[3]]
    return between.join(found[4].replace("#", measure) for measure in MEASURES[first : last + 1])
