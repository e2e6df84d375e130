"""Options that several commands share, and how each makes its configuration of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from service.config import Config

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="The YAML file; SPANLEDGER_CONFIG names it too.", metavar="FILE"),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="PostgreSQL or TimescaleDB; else DATABASE_URL, PG*, or the embedded one.",
        metavar="URL",
    ),
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where the embedded PostgreSQL lives.", metavar="DIR")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
Environment = Annotated[str, typer.Option("--env", help="Environment; '*' for all.", metavar="NAME")]
DataMode = Annotated[
    str, typer.Option("--data-mode", help="real, test or demo; '*' for all.", metavar="MODE")
]
Last = Annotated[str, typer.Option("--last", help="The window up to now: 30m, 24h, 7d.", metavar="TIME")]
_FORMATS = [
    f"%Y-%m-%d{time}{zone}"
    for time in ("", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f", " %H:%M", " %H:%M:%S")
    for zone in ("", "%z")
]
From = Annotated[
    datetime | None,
    typer.Option("--from", help="Begin of the window (UTC), not --last.", metavar="TIME", formats=_FORMATS),
]
To = Annotated[
    datetime | None, typer.Option("--to", help="End of the window (UTC).", metavar="TIME", formats=_FORMATS)
]

AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        help="As the ledger believed it at this moment (by model, whole days).",
        metavar="TIME",
        formats=_FORMATS,
    ),
]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


Flag = tuple[tuple[str, ...], str, object]
"""A setting's path, the flag that sets it, and its value; None was not given."""


def configuration(
    config: Path | None = None,
    database_url: str | None = None,
    data_dir: Path | None = None,
    more: Sequence[Flag] = (),
) -> Config:
    """The configuration of one command: its flags over environment over file."""
    from service.config import load_config

    flags: list[Flag] = [
        (("database", "url"), "--database-url", database_url),
        (("data_dir",), "--data-dir", data_dir),
        *more,
    ]
    return load_config(config, {path: (flag, value) for path, flag, value in flags if value is not None})


def duration(text: str) -> timedelta:
    """`24h` → one day. Raises BadParameter with the form that is expected."""
    match = re.fullmatch(r"(\d+)([smhd])", text.strip())
    if match is None or int(match[1]) == 0:
        raise typer.BadParameter(f"expected a time such as 30m, 24h or 7d, not {text!r}")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def bounds(last: str, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """The window that the options name, in UTC; times without a zone are UTC."""
    upper = _utc(end) if end else datetime.now(UTC)
    lower = _utc(start) if start else upper - duration(last)
    if lower >= upper:
        raise typer.BadParameter(f"the window ends ({upper:%Y-%m-%d %H:%M}) before it begins")
    return lower, upper


def moment(given: datetime | None) -> datetime | None:
    """A time that an option gave, in UTC; without a zone it is UTC."""
    return None if given is None else _utc(given)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
