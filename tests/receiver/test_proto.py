"""One telemetry schema in four forms: telemetry.proto, its generated code, ModelCall, and the view."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import psycopg

from processor.calls.call import ModelCall
from receiver import telemetry_pb2
from receiver.generate import OUTPUTS, ROOT, generate
from receiver.reports.fields import FIELDS
from tests.receiver.doors import REPORT

SCHEMA = telemetry_pb2.ModelCall.DESCRIPTOR.fields
UNITS = {
    "time": "time_ns",
    "received_at": "received_ns",
    "latency_ms": "latency_us",
    "time_to_first_token_ms": "time_to_first_token_us",
    "reported_cost_usd": "reported_cost_pico_usd",
}
"""Where the process keeps a field in another unit than the wire."""
OURS = {
    "request_id_given", "report_key", "claimed_time_ns", "dialect", "sources", "flags",
    "sent_data_mode", "span_response_ids", "other_spans",
}  # fmt: skip
"""What the process knows about a call and no sender says."""


def test_the_generated_code_is_not_stale(tmp_path: Path) -> None:
    generate(tmp_path)
    for name in OUTPUTS:
        fresh = (tmp_path / "receiver" / name).read_text()
        assert fresh == (ROOT / "receiver" / name).read_text(), f"receiver/{name} is stale: run `make proto`"


def test_the_schema_and_the_call_have_the_same_fields() -> None:
    wire = {UNITS.get(field.name, field.name) for field in SCHEMA}
    assert wire == {field.name for field in dataclasses.fields(ModelCall)} - OURS


def test_a_report_reads_every_field_of_the_schema_into_its_place() -> None:
    read = {name: reader.field for name, reader in FIELDS.items()}
    assert read == {
        field.json_name: UNITS.get(field.name, field.name) for field in SCHEMA if field.name != "received_at"
    }


def test_the_json_names_are_the_public_ones() -> None:
    assert set(REPORT) <= {field.json_name for field in SCHEMA}
    assert {"cacheWrite1hTokens", "timeToFirstTokenMs", "reportedCostUsd", "receivedAt"} <= {
        field.json_name for field in SCHEMA
    }


def test_every_field_can_be_told_from_its_zero() -> None:
    assert [field.name for field in SCHEMA if not field.has_presence] == []


def test_the_view_shows_every_field_of_the_schema(migrated_database: str) -> None:
    query = (
        "SELECT column_name::text FROM information_schema.columns "
        "WHERE table_schema = 'genai' AND table_name = 'model_call'"
    )
    with psycopg.connect(migrated_database) as connection:
        columns = {name for (name,) in connection.execute(query)}
    assert {field.name for field in SCHEMA} <= columns
