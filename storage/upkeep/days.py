"""The days that have calls, so that each statement of a long run reads only one of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from storage.statements import query


def days_of_calls(conn: psycopg.Connection[Any]) -> Iterator[tuple[datetime, datetime]]:
    """[first, end) of every UTC day from the first kept call to the last."""
    found = conn.execute(query("span_of_calls")).fetchone()
    if found is None or found[0] is None:
        return
    day: datetime = found[0]
    last: datetime = found[1]
    while day <= last:
        end = (day + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        yield day, end
        day = end
