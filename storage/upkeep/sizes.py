"""How large the database is, hour by hour: what a forecast of the disk stands on."""

from __future__ import annotations

from typing import Any

import psycopg

from storage.statements import query


def sample_size(connection: psycopg.Connection[Any]) -> None:
    """Note the size of now, and forget samples of more than a year ago."""
    connection.execute(query("sample_size"))
    connection.execute(query("forget_samples"))
