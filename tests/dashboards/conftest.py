"""The planned day on every server, read as Grafana reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from storage.schema.migrate import migrate
from tests import servers
from tests.dashboards.shop import fill_day


def _build(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        offered = "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'timescaledb'"
        if connection.execute(offered).fetchone():
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    migrate(uri)
    fill_day(uri)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


@pytest.fixture
def shop_database(server_kind: str) -> Iterator[str]:
    """The URI of a ledger with the demo's day."""
    with servers.fresh_database(server_kind, "shop", _build) as uri:
        yield uri


@pytest.fixture
def reader(shop_database: str) -> Iterator[psycopg.Connection[Any]]:
    """That ledger as the role that Grafana logs in as."""
    with psycopg.connect(shop_database, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute("SET SESSION AUTHORIZATION grafana_reader")
        connection.execute("SET default_transaction_read_only = on")
        yield connection
