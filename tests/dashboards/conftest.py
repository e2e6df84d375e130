"""The planned day on every server, read as Grafana reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
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


@pytest.fixture(scope="session")
def shop_to_read() -> Iterator[Callable[[str], str]]:
    """A ledger with the demo's day on a kind of server, one for all tests that only read it."""
    with ExitStack() as stack:
        yield cache(lambda kind: stack.enter_context(servers.fresh_database(kind, "shop", _build)))


@pytest.fixture
def shop_database(server_kind: str) -> Iterator[str]:
    """The URI of a ledger with the demo's day, of the test's own."""
    with servers.fresh_database(server_kind, "shop", _build) as uri:
        yield uri


@pytest.fixture
def reader(
    request: pytest.FixtureRequest, server_kind: str, shop_to_read: Callable[[str], str]
) -> Iterator[psycopg.Connection[Any]]:
    """The demo's day as the role that Grafana logs in as, in the test's own `shop_database` if it has one."""
    has_its_own = "shop_database" in request.fixturenames
    uri = request.getfixturevalue("shop_database") if has_its_own else shop_to_read(server_kind)
    with psycopg.connect(uri, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute("SET SESSION AUTHORIZATION grafana_reader")
        connection.execute("SET default_transaction_read_only = on")
        yield connection
