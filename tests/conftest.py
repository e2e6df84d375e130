"""Fixtures and options of the whole suite."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter
from collections.abc import Generator, Iterator

import psycopg
import pytest

from tests import machine, servers, sizes

EVERY_SERVER = [pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in servers.KINDS]

sizes.use_hypothesis_profile()
for number in (signal.SIGINT, signal.SIGHUP):
    # Started by a shell in the background, or under nohup, we ignore these, and so would each service that a
    # test starts and signals. A handler, other than "ignore", is not inherited.
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)
os.environ.pop(
    "COLUMNS", None
)  # pytest-xdist sets one; tables of commands under test are as wide as they are


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-services",
        action="store_true",
        help="fail, instead of skip, what needs a server that cannot run here",
    )
    parser.addoption(
        "--every-server",
        action="store_true",
        default=sizes.FULL_SIZE,
        help="run every test on both servers, also where TimescaleDB makes no difference (make soak does)",
    )


def pytest_report_header() -> list[str]:
    """Say first what this machine cannot test."""
    return [f"{machine.NOT_HERE}: {reason}" for reason in machine.missing()]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is collected out of the garbage collector.

    Modules and tests live until the end. Looking through them again and again was a third of the collection
    and a tenth of `make check`.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out on TimescaleDB what is not marked `both_servers`, and begin with what takes long.

    A long test that begins last keeps one worker busy while the others have nothing to do any more.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if config.getoption("--every-server"):
        return
    left_out = {item for item in items if _is_on_timescale(item) and not _differs(item)}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _is_on_timescale(item: pytest.Item) -> bool:
    """Whether a fixture of this module put the test on TimescaleDB as its second server."""
    callspec = getattr(item, "callspec", None)
    params = callspec.params if callspec else {}
    return "timescale" in (params.get("server_kind"), params.get("module_database"))


def _differs(item: pytest.Item) -> bool:
    return item.get_closest_marker("both_servers") is not None


@pytest.fixture(params=EVERY_SERVER)
def server_kind(request: pytest.FixtureRequest) -> str:
    """`postgres`, then `timescale`: the server that `database` and `migrated_database` are on."""
    return _available(request)


def _available(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    try:
        servers.server(kind)
    except servers.Unavailable as error:
        machine.skip(request.config, str(error))
    return kind


@pytest.fixture
def database(server_kind: str) -> Iterator[str]:
    """The URI of an empty database of the test's own, as its superuser, on every server."""
    with servers.fresh_database(server_kind, "empty", _enable_timescale) as uri:
        yield uri


@pytest.fixture
def migrated_database(server_kind: str) -> Iterator[str]:
    """As `database`, with our migrations and views applied."""
    with servers.fresh_database(server_kind, "migrated", apply_migrations) as uri:
        yield uri


@pytest.fixture(scope="module", params=EVERY_SERVER)
def module_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """As `migrated_database`, one for all tests of a module that only read what it was filled with."""
    with servers.fresh_database(_available(request), "migrated", apply_migrations) as uri:
        yield uri


def _enable_timescale(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        query = "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'timescaledb'"
        if connection.execute(query).fetchone():
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


def apply_migrations(uri: str) -> None:
    from storage.schema.migrate import migrate  # not needed, nor imported, by tests without a database

    _enable_timescale(uri)
    migrate(uri)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        servers.clean_named_servers()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last what this machine could not test."""
    reasons = Counter(
        report.longrepr[2].partition(f"{machine.NOT_HERE}: ")[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and machine.NOT_HERE in report.longrepr[2]
    )
    if reasons:
        terminalreporter.section(machine.NOT_HERE)
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count} tests: {reason}")
