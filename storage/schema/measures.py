"""The measures of a summary row: named and defined once; SQL files write ranges of them.

`{requests..errors: u.#}` in a statement or a view stands for `u.requests, u.successes, u.errors`: the
measures from the one to the other, in their order, each in place of `#`. With `+` for `:` they are added up;
`@` is then a number that every measure has its own of (`_genai.rollup_uneven`).
`{calls..errors= s sum}` stands for their definitions, each `… AS calls`, summed over the postings `s`;
`{calls..errors= m row}` for what the one row `m` adds.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Measure(NamedTuple):
    """A posting's contribution to a summary, as SQL over its row `@`; NULL if none.

    A posting has `n`, 1 or -1, and amounts of the same sign; a call is as one with `n` = 1 (`_genai.booked`).

    Attributes:
        row: of one row.
        sum: of all rows of a group.
    """

    row: str
    sum: str


def _counted(condition: str) -> Measure:
    return Measure(
        f"CASE WHEN {condition} THEN @.n END::bigint", f"nullif(sum(@.n) FILTER (WHERE {condition}), 0)"
    )


def _tokens(name: str) -> Measure:
    return Measure(f"@.{name}::bigint", f"nullif(sum(@.{name}), 0)")


def _money(name: str) -> Measure:
    """Of bigint columns, whose `sum` would be numeric."""
    return Measure(f"@.{name}", f"nullif(_genai.total(@.{name}), 0)")


def _wasted() -> Measure:
    """The whole cost of what was no success; a row with a cost has every class of it."""
    cost = " + ".join(f"@.{name}" for name in _COSTS)
    return Measure(
        f"CASE WHEN @.status <> 1 THEN {cost} END",
        f"nullif(_genai.total({cost}) FILTER (WHERE @.status <> 1), 0)",
    )


_TOKENS: Final = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("reasoning_tokens", "input_audio_tokens", "output_audio_tokens"),
    *("input_image_tokens", "output_image_tokens"),
)
_COSTS: Final = (
    *("input_cost_pico_usd", "cache_read_cost_pico_usd", "cache_write_cost_pico_usd"),
    *("output_cost_pico_usd", "other_cost_pico_usd"),
)
_DEFINITIONS: Final[dict[str, Measure]] = {
    "calls": Measure("@.n::bigint", "sum(@.n)"),
    "requests": _tokens("requests"),
    "successes": _counted("@.status = 1"),
    "errors": _counted("@.status = 2"),
    "cancelled": _counted("@.status = 3"),
    **{name: _tokens(name) for name in _TOKENS},
    **{name: _money(name) for name in _COSTS},
    "wasted_cost_pico_usd": _wasted(),
    "unpriced_calls": _counted("@.price_status = 4"),
    "uncertain_calls": _counted("@.price_status IN (3, 5, 6) OR @.flags & 8192 <> 0"),
    "error_without_usage_calls": _counted("@.price_status = 7"),
    "latency_calls": _counted("@.latency_us IS NOT NULL"),
    "latency_us_sum": _money("latency_us"),
    **{f"latency_b{bucket:02d}": _counted(f"@.latency_bucket = {bucket}") for bucket in range(24)},
}
"""Columns of `_genai.usage_minute` and its like. They add up; all but `calls` are NULL instead of 0."""
MEASURES: Final = tuple(_DEFINITIONS)

_RANGE: Final = re.compile(r"\{(\w+)\.\.(\w+)(?:([:+]) ([^{}]*)|= (\w+) (row|sum))\}")


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
    names = MEASURES[first : last + 1]
    if found[5]:
        defined = (getattr(_DEFINITIONS[name], found[6]).replace("@", found[5]) for name in names)
        return ", ".join(f"{sql} AS {name}" for sql, name in zip(defined, names, strict=True))
    if found[3] == ":":
        return ", ".join(found[4].replace("#", measure) for measure in names)
    return " + ".join(found[4].replace("#", name).replace("@", str(_factor(name))) for name in names)


def _factor(name: str) -> int:
    """What a measure is multiplied by in a checksum; below 2²⁰, and none a small multiple of another."""
    return (MEASURES.index(name) + 1) * 611_953 % 1_048_573
