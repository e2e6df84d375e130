"""Calls as rows of a CSV file: read, priced, written again with their cost."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from operations.terminal import exact_usd
from processor.calls.call import ERROR, MISSING, PROVIDER, SUCCESS, UNKNOWN, Flag, ModelCall
from processor.calls.errors import BadData
from processor.calls.vocabulary import provider_name
from processor.pricing.book import PriceBook
from processor.pricing.charge import Charge, price_call

REQUIRED: Final = ("provider", "model", "timestamp", "input_tokens", "output_tokens")
_COUNTS: Final = tuple(name for name in ModelCall.__slots__ if name.endswith("_tokens"))
_TEXTS: Final = ("operation", "service_tier", "status")
_MOST_TOKENS: Final = 1_000_000_000
RESULT: Final = ("cost_usd", "price_status", "price_flags")


class PricedRow(NamedTuple):
    """One row of the file as it stands, and its charge."""

    row: Mapping[str, str]
    charge: Charge

    def written(self) -> dict[str, str]:
        """The row with `cost_usd` (exact, empty when unknown), `price_status` and `price_flags` appended."""
        found = (exact_usd(self.charge.cost) or "", self.charge.status, " ".join(self.flags()))
        return {**self.row, **dict(zip(RESULT, found, strict=True))}

    def flags(self) -> list[str]:
        """Flags of the cost, as in `genai.model_call`; empty for a certain cost."""
        return [flag.name.lower() for flag in Flag if self.charge.flags & flag]


class CallFile:
    """An open CSV file of calls with the columns of `REQUIRED` and any of the schema's further counts.

    Raises:
        BadData: the header lacks a column; while iterating: a cell is wrong, with row and column.
    """

    def __init__(self, lines: TextIO, name: str) -> None:
        self._name = name
        self._reader = csv.DictReader(lines, strict=True)
        self.columns: Sequence[str] = self._reader.fieldnames or ()
        missing = [column for column in REQUIRED if column not in self.columns]
        if missing:
            raise BadData(f"{name}:1", f"column {missing[0]} is missing (required: {', '.join(REQUIRED)})")
        taken = [column for column in RESULT if column in self.columns]
        if taken:
            raise BadData(f"{name}:1", f"column {taken[0]} already exists; this command appends it")

    def priced(self, book: PriceBook) -> Iterator[PricedRow]:
        """Every row with its charge, in order."""
        try:
            for row in self._reader:
                yield PricedRow(row, price_call(self._call(row), book))
        except csv.Error as error:
            raise BadData(self._name, f"not CSV after line {self._reader.line_num}: {error}") from error

    def _call(self, row: Mapping[Any, Any]) -> ModelCall:
        line = self._reader.line_num
        if None in row or None in row.values():
            raise BadData(f"{self._name}:{line}", f"expected {len(self.columns)} columns as in the header")
        try:
            return call_of(row)
        except BadData as error:
            raise BadData(f"{self._name}:{line}: {error.field}", str(error).partition(": ")[2]) from error


def call_of(row: Mapping[str, str]) -> ModelCall:
    """The call that a row speaks of. Raises BadData(column)."""
    values: dict[str, Any] = {name: _count(row, name) for name in _COUNTS if name in row}
    values |= {name: row[name].strip() for name in _TEXTS if row.get(name, "").strip()}
    known = values["input_tokens"] is not None or values["output_tokens"] is not None
    call = ModelCall(
        provider=provider_name(row["provider"]) or UNKNOWN,
        model=row["model"].strip() or UNKNOWN,
        time_ns=_moment(row),
        usage_source=PROVIDER if known else MISSING,
        **values,
    )
    if call.status not in (SUCCESS, ERROR, "cancelled"):
        raise BadData("status", f"expected success, error or cancelled, not {call.status!r}")
    return call


def _count(row: Mapping[str, str], column: str) -> int | None:
    text = row[column].strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) > _MOST_TOKENS:
        raise BadData(column, f"expected a whole number up to {_MOST_TOKENS:,} or nothing, not {text[:40]!r}")
    return int(text)


def _moment(row: Mapping[str, str]) -> int:
    text = row["timestamp"].strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadData(
            "timestamp", f"expected a time such as 2026-11-24T12:00:00Z, not {text[:40]!r}"
        ) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def line_count(path: Path) -> int:
    """Lines of a file, for a progress bar: 1 GB in half a second."""
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
