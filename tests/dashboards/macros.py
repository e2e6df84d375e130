"""What Grafana does with a query before the database sees it, in the order in which it does it.

The browser puts in the variables; the server of the PostgreSQL data source (12.4) then expands the macros.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Value = str | Sequence[str]

_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}")
_MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
_LEXEMES = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\2\$)|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


class MacroError(ValueError):
    """The server refuses the query."""


@dataclass(frozen=True, slots=True)
class Range:
    """The dashboard's time range and the interval that the browser computed for the panel."""

    start: datetime
    end: datetime
    interval_ms: int = 60_000
    timescaledb: bool = False

    def text(self, moment: datetime) -> str:
        """RFC 3339 in UTC, trailing zeros of the fraction dropped."""
        moment = moment.astimezone(UTC)
        fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
        return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def fill(sql: str, values: Mapping[str, Value]) -> str:
    """Put in the variables as the browser does for the PostgreSQL data source; unknown names stay."""

    def put(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in values:
            return match[0]
        if match[3] is not None:
            raise NotImplementedError(f"format {match[3]} of {name}: panels use the plain form only")
        value = values[name]
        if isinstance(value, str):
            return value.replace("'", "''")
        return ",".join("'" + each.replace("'", "''") + "'" for each in value)

    return _VARIABLE.sub(put, sql)


def expand(sql: str, window: Range) -> str:
    """The text that the database gets.

    Raises:
        MacroError: a macro that the data source does not have, or with arguments it cannot read.
    """
    sql = sql.replace("$__interval_ms", str(window.interval_ms))
    sql = sql.replace("$__interval", _interval_text(window.interval_ms))
    sql = sql.replace("$__unixEpochFrom()", str(int(window.start.timestamp())))
    sql = sql.replace("$__unixEpochTo()", str(int(window.end.timestamp())))
    sql = _LEXEMES.sub(lambda match: match[1] or "", sql)
    for call in re.findall(r"\$__(?:unixEpoch|time)Group\([^)]*\)(?=,)", sql):
        sql = sql.replace(call, call.replace("Group(", "GroupAlias("))
    return _MACRO.sub(lambda match: _macro(match[1], match[2], window), sql)


def _macro(name: str, text: str, window: Range) -> str:
    arguments = [part.strip() for part in text.split(",")]
    start, end = (f"'{window.text(moment)}'" for moment in (window.start, window.end))
    seconds = [str(int(moment.timestamp())) for moment in (window.start, window.end)]
    nanos = [str(int(moment.timestamp() * 1e6) * 1000) for moment in (window.start, window.end)]
    first = arguments[0]
    simple = {
        "__time": f'{first} AS "time"',
        "__timeEpoch": f'extract(epoch from {first}) as "time"',
        "__timeFilter": f"{first} BETWEEN {start} AND {end}",
        "__timeFrom": start,
        "__timeTo": end,
        "__unixEpochFilter": f"{first} >= {seconds[0]} AND {first} <= {seconds[1]}",
        "__unixEpochNanoFilter": f"{first} >= {nanos[0]} AND {first} <= {nanos[1]}",
        "__unixEpochNanoFrom": nanos[0],
        "__unixEpochNanoTo": nanos[1],
    }
    if name in simple:
        return simple[name]
    alias = ' AS "time"' if name.endswith("Alias") else ""
    if name in ("__timeGroup", "__timeGroupAlias"):
        return _time_group(arguments, window.timescaledb) + alias
    if name in ("__unixEpochGroup", "__unixEpochGroupAlias"):
        step = _whole(_seconds(arguments))
        return f"floor(({first})/{step})*{step}" + alias
    raise MacroError(f'unknown macro "{name}"')


def _time_group(arguments: list[str], timescaledb: bool) -> str:
    step = _seconds(arguments)
    if timescaledb:
        return f"time_bucket('{step:.3f}s',{arguments[0]})"
    return f"floor(extract(epoch from {arguments[0]})/{_whole(step)})*{_whole(step)}"


def _seconds(arguments: list[str]) -> float:
    if len(arguments) < 2:
        raise MacroError("a group needs a column and an interval")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", arguments[1].strip("'\""))
    if not parts:
        raise MacroError(f"no interval: {arguments[1]}")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _whole(seconds: float) -> str:
    return f"{seconds:g}" if seconds != int(seconds) else str(int(seconds))


def _interval_text(milliseconds: int) -> str:
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if milliseconds >= size:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
