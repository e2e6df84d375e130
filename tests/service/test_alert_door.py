"""`POST /v1/alerts`: who may deliver, what is refused, and that an answer means stored."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import psycopg
import pytest

from service import keys
from service.config import InboxConfig
from service.web.ops import Status, ops_app
from tests.operations.alert_documents import alert, alertmanager, grafana
from tests.service.test_ops import AWAY, status

SECRET = "a secret of the inbox"


async def post(of: Status, body: bytes, headers: Any = None, method: str = "POST") -> httpx.Response:
    transport = httpx.ASGITransport(ops_app(of))
    async with httpx.AsyncClient(transport=transport, base_url="http://ops") as client:
        return await client.request(method, "/v1/alerts", content=body, headers=headers)


def signed(body: bytes, at: float, secret: str = SECRET) -> dict[str, str]:
    moment = str(round(at))
    digest = hmac.new(secret.encode(), f"{moment}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Grafana-Alerting-Signature": digest, "X-Grafana-Alerting-Timestamp": moment}


def stored(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM genai.alert_episode").fetchone()
        assert row is not None
        return int(row[0])


BODY = json.dumps(grafana(alert())).encode()


async def test_a_delivery_is_stored_and_told(migrated_database: str) -> None:
    of = status(migrated_database)

    first = await post(of, BODY)
    again = await post(of, BODY, method="PUT")
    other = await post(of, json.dumps(alertmanager(endpoint="search")).encode())

    assert first.json() == {
        "stored": 1, "new": 1, "dedupeApplied": 0, "cooldownApplied": 0, "unreadable": [],
    }  # fmt: skip
    assert (again.status_code, again.json()["new"], again.json()["dedupeApplied"]) == (200, 0, 1)
    assert other.status_code == 200
    assert stored(migrated_database) == 2


async def test_once_keys_exist_a_delivery_needs_one_with_the_scope_inbox(migrated_database: str) -> None:
    with psycopg.connect(migrated_database) as connection:
        secrets = {scope: keys.create(connection, scope, [scope])[1] for scope in ("inbox", "read")}
    of = status(migrated_database)
    basic = httpx.BasicAuth("grafana", secrets["inbox"])

    assert (await post(of, BODY)).status_code == 401
    assert (await post(of, BODY, {"authorization": "Bearer sl_wrong"})).status_code == 401
    assert (await post(of, BODY, {"authorization": f"Bearer {secrets['read']}"})).status_code == 403
    assert stored(migrated_database) == 0
    assert (await post(of, BODY, {"authorization": f"Bearer {secrets['inbox']}"})).status_code == 200
    request = httpx.Request("POST", "http://ops/")
    with_password = next(basic.auth_flow(request)).headers["authorization"]
    assert (await post(of, BODY, {"authorization": with_password})).status_code == 200


async def test_with_a_secret_only_what_is_signed_with_it_now_is_taken(migrated_database: str) -> None:
    config = InboxConfig.model_validate({"hmac_secret": SECRET})
    of = status(migrated_database)._replace(inbox=config)
    now = time.time()
    refused = {
        "unsigned": {},
        "another secret": signed(BODY, now, "guess"),
        "another body": signed(BODY + b" ", now),
        "a replay": signed(BODY, now - 301),
        "from the future": signed(BODY, now + 302),
        "another timestamp": signed(BODY, now) | {"X-Grafana-Alerting-Timestamp": str(round(now) + 1)},
        "no timestamp": {k: v for k, v in signed(BODY, now).items() if "Signature" in k},
        "no number": signed(BODY, now) | {"X-Grafana-Alerting-Timestamp": "now"},
        "not ASCII": {"X-Grafana-Alerting-Signature": b"\xe4", "X-Grafana-Alerting-Timestamp": b"\xb2"},
    }

    for name, headers in refused.items():
        assert (await post(of, BODY, headers)).status_code == 401, name
    assert stored(migrated_database) == 0
    for at in (now, now - 299, now):
        assert (await post(of, BODY, signed(BODY, at))).status_code == 200
    assert stored(migrated_database) == 1


async def test_what_is_larger_than_the_bound_is_refused_unread(migrated_database: str) -> None:
    of = status(migrated_database)._replace(inbox=InboxConfig(max_bytes=64 * 1024))

    async def parts() -> Any:
        for _ in range(100):
            yield b" " * 1024

    assert (await post(of, b" " * 64 * 1024 + BODY)).status_code == 413
    transport = httpx.ASGITransport(ops_app(of))
    async with httpx.AsyncClient(transport=transport, base_url="http://ops") as client:
        assert (await client.post("/v1/alerts", content=parts())).status_code == 413
    assert (await post(of, BODY)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"alerts": {}}'])
async def test_what_is_no_document_is_bad_for_good(migrated_database: str, body: bytes) -> None:
    answer = await post(status(migrated_database), body)

    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_while_the_database_is_away_the_sender_comes_again() -> None:
    answer = await post(status(AWAY), BODY)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_reading_needs_another_method(migrated_database: str) -> None:
    answer = await post(status(migrated_database), b"", method="GET")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, PUT")


async def test_hostile_text_is_stored_as_text(migrated_database: str) -> None:
    hostile = alert(endpoint="<script>\x00\ud800'; DROP TABLE x", owner="a" * 100_000)

    answer = await post(status(migrated_database), json.dumps(grafana(hostile)).encode())

    assert answer.json()["stored"] == 1
    with psycopg.connect(migrated_database) as connection:
        row = connection.execute("SELECT endpoint_tag, length(owner) FROM genai.alert_episode").fetchone()
    assert row == ("<script>?'; DROP TABLE x", 8192)
