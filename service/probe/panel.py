"""The query of Overview's first panel, asked as the dashboard asks it, or through Grafana."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple

import psycopg

from dashboards.files import committed
from operations.probe.model import DATA_MODE, ENVIRONMENT, SERVICE
from processor.calls.errors import PipelineError

PANEL: Final = "What was spent?"
_VARIABLES: Final = {
    "[$env]": f"['{ENVIRONMENT}']", "'$data_mode'": f"'{DATA_MODE}'", "'$baseline'": "'previous'",
    "'$service'": f"'{SERVICE}'",
}  # fmt: skip


class GrafanaDoor(NamedTuple):
    """A Grafana to ask through.

    Attributes:
        token: of a service account that may query the data source; empty where Grafana asks for none.
        datasource: uid of the data source.
    """

    url: str
    token: str
    datasource: str


class Sums(NamedTuple):
    """What the panel shows of the probe's calls; `cost` in pico-USD, None where a price is unknown."""

    calls: int
    cost: int | None

    def __sub__(self, before: Sums) -> Sums:
        """What was added; a cost is known where both are."""
        known = None if self.cost is None or before.cost is None else self.cost - before.cost
        return Sums(self.calls - before.calls, known)


class Refused(PipelineError):
    """Grafana does not answer, or not with figures."""


def windows_of(start_ns: int) -> list[tuple[datetime, datetime]]:
    """The whole minute and the whole hour of a call: the panel reads other sums for each."""
    moment = datetime.fromtimestamp(start_ns // 1_000_000_000, UTC)
    minute = moment.replace(second=0, microsecond=0)
    hour = minute.replace(minute=0)
    return [(minute, minute + timedelta(minutes=1)), (hour, hour + timedelta(hours=1))]


def from_database(connection: psycopg.Connection[Any], window: tuple[datetime, datetime]) -> Sums:
    """Ask the database.

    Raises:
        psycopg.Error: it does not answer.
    """
    start, end = (f"'{moment:%Y-%m-%dT%H:%M:%SZ}'" for moment in window)
    text = _statement().replace("$__timeFrom()", start).replace("$__timeTo()", end)
    cursor = connection.execute(text.encode())
    row = cursor.fetchone()
    if row is None or cursor.description is None:
        return Sums(0, 0)
    return _sums(dict(zip([column.name for column in cursor.description], row, strict=True)))


def from_grafana(door: GrafanaDoor, window: tuple[datetime, datetime], timeout_seconds: float) -> Sums:
    """Ask through `/api/ds/query`, as a browser does.

    Raises:
        Refused: it does not answer, or answers with an error.
    """
    start, end = (str(int(moment.timestamp() * 1000)) for moment in window)
    source = {"type": "grafana-postgresql-datasource", "uid": door.datasource}
    query = {"refId": "A", "datasource": source, "format": "table", "rawQuery": True, "rawSql": _statement()}
    body = json.dumps({"from": start, "to": end, "queries": [query]}).encode()
    headers = {"Content-Type": "application/json"}
    if door.token:
        headers["Authorization"] = f"Bearer {door.token}"
    request = urllib.request.Request(f"{door.url.rstrip('/')}/api/ds/query", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:
            result = json.load(answer)["results"]["A"]
        return _sums(_first_row(result["frames"][0]))
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise Refused(f"Grafana: {type(error).__name__}: {error}".splitlines()[0]) from error


def _first_row(frame: Mapping[str, Any]) -> dict[str, Any]:
    names = [field["name"] for field in frame["schema"]["fields"]]
    columns: Sequence[Sequence[Any]] = frame["data"]["values"]
    return {name: column[0] if column else None for name, column in zip(names, columns, strict=True)}


@cache
def _statement() -> str:
    """The panel's SQL with the probe's choices; macros are left to whoever asks."""
    (panel,) = (p for p in committed()["overview.json"]["panels"] if p["title"] == PANEL)
    sql: str = panel["targets"][0]["rawSql"]
    for variable, value in _VARIABLES.items():
        sql = sql.replace(variable, value)
    return sql


def _sums(row: Mapping[str, Any]) -> Sums:
    calls, cost = row["calls"], row["cost_usd"]
    # Grafana's frames have floats: a price of a thousandth of a dollar keeps all its twelve digits in them.
    pico = None if cost is None else round(Decimal(str(cost)).scaleb(12))
    return Sums(int(calls or 0), pico if calls else 0)
