"""Every row behind a total, with a manifest that lets anyone check it: CSV, JSON or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from importlib import util
from pathlib import Path
from typing import Any, NamedTuple

from operations.dimensions import Split
from operations.format import iso
from operations.reports.report import Connection, Row, csv_text, read
from operations.terminal import PICO, camel, exact_usd

FORMATS = ("csv", "json", "parquet")
DAY = timedelta(days=1)
INVOICE = "invoice"
"""The data mode that stands for what providers bill: real and test."""


class Asked(NamedTuple):
    """What to export.

    Attributes:
        start, end: [start, end) in UTC; each day, or piece of one, has rows of its own.
        environment: one, several with commas, or `*`; `data_mode` one, `*`, or `invoice`.
    """

    start: datetime
    end: datetime
    split: Split
    environment: str
    data_mode: str


class Export(NamedTuple):
    """Rows in the public names, money as text with every digit, and what they were made of."""

    rows: list[dict[str, object]]
    cost_pico_usd: int
    manifest: dict[str, object]


def export(connection: Connection, asked: Asked, now: datetime) -> Export:
    """Read all rows in one snapshot."""
    rows: list[dict[str, object]] = []
    total = 0
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for start, end in _days(asked.start, asked.end):
            for row in read(connection, "export_rows", **_values(asked, start, end)):
                total += int(row["cost_pico_usd"])
                rows.append(_public(asked, start, row))
        maps = read(connection, "price_maps", **{"from": asked.start, "to": asked.end})
        floors = dict(connection.execute("SELECT level, time FROM genai.floor").fetchall())
    return Export(rows, total, _manifest(asked, rows, total, maps, floors, now))


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        following = min(end, start.replace(hour=0, minute=0, second=0, microsecond=0) + DAY)
        yield start, following
        start = following


def _values(asked: Asked, start: datetime, end: datetime) -> dict[str, object]:
    parts = [each.sql for each in asked.split.parts]
    return {
        "from": start, "to": end, "environment": asked.environment, "data_mode": asked.data_mode,
        "dimension": asked.split.sql, "first": parts[0], "second": parts[1] if len(parts) > 1 else "",
    }  # fmt: skip


def _public(asked: Asked, day: datetime, row: Row) -> dict[str, object]:
    dimensions = (each.public for each in asked.split.parts)
    named = dict(zip(dimensions, (row["first"], row["second"]), strict=False))
    measures = {
        _public_name(name): exact_usd(int(value)) if name.endswith("_pico_usd") else value
        for name, value in row.items()
        if name not in ("environment", "data_mode", "first", "second")
    }
    return {
        "day": f"{day:%Y-%m-%d}", "environment": row["environment"], "dataMode": row["data_mode"],
        **named, **measures,
    }  # fmt: skip


def _public_name(name: str) -> str:
    return camel(name.replace("_pico_usd", "_usd"))


def _manifest(
    asked: Asked, rows: list[dict[str, object]], total: int, maps: list[Row], floors: Mapping[str, datetime],
    now: datetime,
) -> dict[str, object]:  # fmt: skip
    return {
        "from": iso(asked.start), "to": iso(asked.end), "generatedAt": iso(now.replace(microsecond=0)),
        "environment": asked.environment, "dataMode": asked.data_mode,
        "dimensions": asked.split.name.split(","),
        "rows": len(rows), "costUsd": exact_usd(total),
        "calls": sum(int(str(row["calls"])) for row in rows),
        "unpricedCalls": sum(int(str(row["unpricedCalls"])) for row in rows),
        "uncertainCalls": sum(int(str(row["uncertainCalls"])) for row in rows),
        "dataFrom": {level: iso(time) for level, time in sorted(floors.items())},
        "priceMaps": [{"id": row["id"], "base": row["base"], "sha256": row["sha256"]} for row in maps],
    }  # fmt: skip


def content(found: Export, form: str) -> bytes:
    """The rows as a file of this format.

    Raises:
        ValueError: Parquet without its extra.
    """
    if form == "csv":
        return csv_text(found.rows).encode()
    if form == "json":
        return (json.dumps(found.rows, ensure_ascii=False, indent=1) + "\n").encode()
    return _parquet(found)


def signed_manifest(found: Export, written: bytes, name: str | None) -> dict[str, object]:
    """The manifest of the written file: with its name and the SHA-256 of its bytes."""
    return found.manifest | {"file": name, "sha256": sha256(written).hexdigest()}


def write(found: Export, form: str, path: Path) -> Path:
    """Write the file, and beside it its manifest.

    Returns:
        The manifest's path.
    """
    written = content(found, form)
    beside = path.with_name(f"{path.name}.manifest.json")
    path.write_bytes(written)
    manifest = json.dumps(signed_manifest(found, written, path.name), indent=1)
    beside.write_text(manifest + "\n", encoding="utf-8")
    return beside


def _parquet(found: Export) -> bytes:
    """Money as decimal with 12 places, counts as integers."""
    if util.find_spec("pyarrow") is None:
        raise ValueError("Parquet needs the extra `parquet`: pip install 'spanledger[parquet]'")
    import pyarrow
    from pyarrow import parquet

    columns: dict[str, Any] = {}
    for name in found.rows[0] if found.rows else ():
        values = [row[name] for row in found.rows]
        if name.endswith("Usd"):
            money = [Decimal(str(value)) for value in values]
            columns[name] = pyarrow.array(money, pyarrow.decimal128(38, PICO))
        else:
            columns[name] = pyarrow.array(values)
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())
