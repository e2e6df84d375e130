"""The ops port's application: pages, health, metrics; open doors and closed ones. Run without a server."""

from __future__ import annotations

import base64
import logging
import time
from contextlib import AbstractContextManager
from html import unescape
from typing import Any

import httpx
import psycopg
import pytest

from processor.calls.call import Batch
from processor.pricing.load import load_price_book
from receiver.reports.reports import read_report
from service import keys
from service.keys import KeyRing
from service.price_records import register
from service.web.ops import Status, ops_app
from service.worker_status import RecentTroubles, WorkerState
from tests.service.test_commands import REPORT, consume

Connection = psycopg.Connection[Any]


def status(dsn: str, workers: list[WorkerState] | None = None, stopping: bool = False) -> Status:
    def connect() -> AbstractContextManager[Connection]:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=2, options="-c timezone=UTC")

    ring = KeyRing(connect)
    if dsn != AWAY:
        ring.load()
    now = time.time()
    alive = [WorkerState(0, 1, now, now, 0, 0, 0, [])] if workers is None else workers
    endpoints = {"grpc": "127.0.0.1:4317", "http": "127.0.0.1:4318", "ops": "127.0.0.1:4319"}
    return Status(
        connect, ring, lambda: alive, now, lambda: {"base": "list"}, "list", endpoints, {}, lambda: stopping
    )


async def get(
    of: Status, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> httpx.Response:
    transport = httpx.ASGITransport(ops_app(of))
    async with httpx.AsyncClient(transport=transport, base_url="http://ops") as client:
        return await client.request(method, path, headers=headers)


AWAY = "postgresql://nobody@127.0.0.1:1/none"


async def test_the_page_shows_the_last_calls_without_script(migrated_database: str) -> None:
    hostile = "<script>alert(1)</script>"
    calls = [read_report(REPORT | {"endpointTag": hostile}, time.time_ns(), "")]
    await consume(migrated_database, Batch(calls, spans=1))

    page = await get(status(migrated_database), "/", {"accept": "text/html"})

    assert page.status_code == 200
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text
    assert "$0.000189" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_the_same_as_json_when_asked(migrated_database: str) -> None:
    await consume(migrated_database, Batch([read_report(REPORT, time.time_ns(), "")], spans=1))

    told = (await get(status(migrated_database), "/", {"accept": "application/json"})).json()

    assert (told["name"], told["ready"], told["fault"]) == ("spanledger", True, None)
    assert told["lastCalls"][0]["endpointTag"] == "checkout.ai_summary"
    assert told["lastCalls"][0]["costUsd"] == "0.000189"
    assert told["last24h"] == [
        {
            "environment": "prod", "dataMode": "real", "calls": 1, "requests": 1, "errors": 0,
            "costUsd": "0.000189", "unpricedCalls": 0, "uncertainCalls": 0,
            "unreadSpans": 0, "atLeast": False,
        }
    ]  # fmt: skip


async def test_only_ten_calls_are_shown(migrated_database: str) -> None:
    calls = [read_report(REPORT | {"externalRequestId": f"r{n}"}, time.time_ns(), "") for n in range(12)]
    await consume(migrated_database, Batch(calls, spans=12))

    told = (await get(status(migrated_database), "/", {"accept": "application/json"})).json()

    assert len(told["lastCalls"]) == 10
    assert told["last24h"][0]["calls"] == 12


async def test_an_empty_ledger_says_how_to_send_the_first_span(migrated_database: str) -> None:
    page = await get(status(migrated_database), "/")

    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317" in page.text
    assert "spanledger first-call" in page.text


async def test_ready_means_able_to_commit_and_to_read(migrated_database: str) -> None:
    stale = [WorkerState(0, 1, 0.0, time.time() - 60, 0, 0, 0, [])]

    assert (await get(status(migrated_database), "/readyz")).status_code == 200
    for of, reason in (
        (status(migrated_database, stopping=True), "stopping"),
        (status(migrated_database, workers=stale), "no worker is running"),
        (status(migrated_database, workers=[]), "no worker is running"),
        (status(AWAY), "the database does not answer"),
    ):
        answer = await get(of, "/readyz")
        assert (answer.status_code, answer.text) == (503, f"{reason}\n")


async def test_a_database_that_takes_no_commits_is_not_ready(migrated_database: str) -> None:
    read_only = status(migrated_database)._replace(
        connect=lambda: psycopg.connect(
            migrated_database, autocommit=True, options="-c default_transaction_read_only=on"
        )
    )

    assert (await get(read_only, "/readyz")).status_code == 503


async def test_while_the_database_is_away_the_page_still_answers() -> None:
    page = await get(status(AWAY), "/")

    assert page.status_code == 200
    assert "the database does not answer" in page.text
    page = await get(status(AWAY), "/diagnostics", {"accept": "text/html"})
    assert "The database does not answer" in page.text
    assert (await get(status(AWAY), "/healthz")).text == "alive\n"
    assert (await get(status(AWAY), "/diagnostics")).json()["fault"] == "the database does not answer"


@pytest.mark.parametrize("path", ["/service", "/diagnostics"])
async def test_pages_without_figures_lead_into_grafana_where_it_is_configured(
    migrated_database: str, path: str
) -> None:
    running = status(migrated_database)
    plain = await get(running, path, {"accept": "text/html"})
    running = running._replace(grafana_url="https://grafana.example/")
    linked = await get(running, path, {"accept": "text/html"})
    assert "/d/spanledger-" not in plain.text
    assert 'href="https://grafana.example/d/spanledger-overview"' in linked.text


@pytest.mark.parametrize("path", ["/", "/compare", "/call/0", "/service", "/metrics", "/diagnostics"])
async def test_once_keys_exist_pages_need_one_that_may_read(migrated_database: str, path: str) -> None:
    with psycopg.connect(migrated_database) as connection:
        secrets = {scope: keys.create(connection, scope, [scope])[1] for scope in ("read", "ingest", "admin")}
    of = status(migrated_database)

    def basic(secret: str) -> dict[str, str]:
        return {"authorization": f"Basic {base64.b64encode(f'me:{secret}'.encode()).decode()}"}

    refused = await get(of, path)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    for headers in ({"x-api-key": "sl_no"}, basic("sl_no"), {"authorization": "Bearer "}):
        assert (await get(of, path, headers)).status_code == 401
    assert (await get(of, f"{path}?key={secrets['read']}")).status_code == 401
    assert (await get(of, path, {"x-api-key": secrets["ingest"]})).status_code == 403
    for headers in ({"x-api-key": secrets["read"]}, basic(secrets["read"]), {"x-api-key": secrets["admin"]}):
        assert (await get(of, path, headers)).status_code == (400 if path == "/call/0" else 200)


@pytest.mark.parametrize(
    "path", ["/", "/compare", "/service", "/readyz", "/metrics", "/diagnostics", "/healthz"]
)
async def test_pages_only_answer_get(migrated_database: str, path: str) -> None:
    assert (await get(status(migrated_database), path, method="POST")).status_code == 405


async def test_metrics_are_in_the_prometheus_format(migrated_database: str) -> None:
    answer = await get(status(migrated_database), "/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    names = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE spanledger_")}
    assert {"spanledger_calls_total", "spanledger_commit_seconds", "spanledger_workers"} <= names
    assert "spanledger_database_up 1.0" in answer.text
    assert "_created" not in answer.text


async def test_diagnostics_tell_troubles_newest_first_and_how_fresh_the_ledger_is(
    migrated_database: str,
) -> None:
    now = time.time()
    troubles = RecentTroubles()
    for text in ("first", "second\nwith a second line"):
        troubles.emit(_record(text))
    of = status(migrated_database, [WorkerState(3, 7, now, now, 2, 5, 9, list(troubles.entries))])

    told = (await get(of, "/diagnostics")).json()

    assert [trouble["text"] for trouble in told["lastErrors"]] == ["second", "first"]
    assert (told["waitingRequests"], told["waitingBytes"]) == (2, 5)
    assert told["freshness"]["calls"] == 0


def _record(text: str) -> Any:
    time.sleep(0.002)
    return logging.LogRecord("spanledger.test", logging.WARNING, __file__, 1, text, (), None)


async def test_a_call_is_explained_down_to_the_price_of_a_token(migrated_database: str) -> None:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        register(connection, load_price_book(None))
    await consume(migrated_database, Batch([read_report(REPORT, time.time_ns(), "")], spans=1))
    of = status(migrated_database)
    home = await get(of, "/", {"accept": "text/html"})
    address = unescape(home.text.split('href="./call/')[1].split('"')[0])

    page = await get(of, f"/call/{address}")

    assert page.status_code == 200
    # 540 tokens at $0.15 a million and 180 at $0.60.
    assert [
        text for text in ("$0.000081", "$0.000108", "$0.000189", "$0.15", "$0.60") if text not in page.text
    ] == []
    assert "equal to the ledger, to the last digit" in page.text
    assert "<code>inputTokens</code>" in page.text
    assert page.text == (await get(of, f"/call/{address.partition('?')[0]}")).text


@pytest.mark.parametrize(
    ("path", "code", "name"),
    [
        ("/?from=tomorrow", 400, "from"), ("/compare?by=%3Cb%3E", 400, "by"),
        ("/compare?%3Cb%3E=1", 400, "&lt;b&gt;"),
        ("/compare?endpoint=%00", 400, "endpoint"), ("/call/1", 400, "call"), ("/call/x%27--", 400, "call"),
        ("/call/00000000000000000000000000000000", 404, "call"),
        ("/call/00000000000000000000000000000000?at=noon", 400, "at"),
        ("/call/00000000000000000000000000000000?to=now", 400, "to"),
    ],
)  # fmt: skip
async def test_an_address_that_cannot_be_read_says_which_part(
    migrated_database: str, path: str, code: int, name: str
) -> None:
    page = await get(status(migrated_database), path)

    assert page.status_code == code
    assert f"<bdi>{name}: expected " in page.text or f"<bdi>Unknown parameter {name}." in page.text
    assert "<b>=" not in page.text


@pytest.mark.parametrize("path", ["/", "/compare", "/service"])
async def test_pages_run_no_script_and_load_nothing(migrated_database: str, path: str) -> None:
    page = await get(status(migrated_database), path, {"accept": "text/html"})

    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "script-src" not in policy
    assert not [sign for sign in ("<script", "<link", "<img", "url(", "@import") if sign in page.text]


async def test_the_running_service_has_a_page_of_its_own(migrated_database: str) -> None:
    await consume(migrated_database, Batch([read_report(REPORT, time.time_ns(), "")], spans=1))

    page = await get(status(migrated_database), "/service", {"accept": "text/html"})

    assert "Since this service started" in page.text
    assert "$0.000189" in page.text
