"""Deliveries that come again, counted by the minute of the repetition (docs/alerts.md)."""

from __future__ import annotations

from processor.calls.call import ModelCall
from storage.ingest.key_claims import KeyClaims
from storage.ingest.resends import MAX_SENDERS, resends
from storage.ingest.writer import Writer
from tests.storage.ledger import call, rows, value, write

BY_SENDER = " FROM genai.resend_minute GROUP BY environment, service_name ORDER BY environment"


def test_a_delivery_that_comes_again_is_counted_by_its_sender(migrated_database: str, writer: Writer) -> None:
    calls = [call("a"), call("b"), call("c", service_name="search", environment="staging")]
    write(writer, calls)
    assert rows(migrated_database, "SELECT * FROM genai.resend_minute") == []

    write(writer, [*calls, call("new")])
    write(writer, calls[:1])

    again = rows(migrated_database, "SELECT environment, service_name, sum(calls)::int" + BY_SENDER)
    assert again == [("prod", "shop", 3), ("staging", "search", 1)]
    assert value(migrated_database, "SELECT count(*) FROM genai.model_call") == 4


def test_a_batch_of_many_names_becomes_few_rows() -> None:
    calls: list[ModelCall] = [call(f"{n}", service_name=f"service-{n}") for n in range(200)]
    claims = KeyClaims(calls)
    claims.is_accepted = [False] * len(calls)
    found = resends(calls, claims)
    assert len(found) <= MAX_SENDERS
    assert found.total() == 200
