"""The service traces itself where it is told to, and never its own exports."""

from __future__ import annotations

import re
import socket
import time

import pytest

from tests.end_to_end.senders import RetryingSenders
from tests.end_to_end.test_kills import assert_exact
from tests.patience import until
from tests.running import RunningService
from tests.service.otlp_sink import otlp_sink
from tests.service.test_serve import REPORT, get, post

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


def test_a_request_with_calls_is_one_span_that_says_what_was_counted(migrated_database: str) -> None:
    with otlp_sink() as sink:
        environment = {**SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
        with RunningService(migrated_database, environment=environment) as service:
            assert post(service.http, REPORT)[0] == 200
            until(lambda: [each for each in sink.received if each.span.name == "ingest"])
    (ingest,) = (each for each in sink.received if each.span.name == "ingest")
    counted = {item.key: item.value.int_value for item in ingest.span.attributes}
    assert counted == {
        "spanledger.spans": 1, "spanledger.calls": 1, "spanledger.duplicates": 0, "spanledger.rejected": 0,
    }  # fmt: skip
    named = {item.key: item.value.string_value for item in ingest.resource.attributes}
    assert named["service.name"] == "spanledger"
    assert any(each.span.name == "task budgets" for each in sink.received)


def requests_of(service: RunningService) -> int:
    shown = get(service.ops, "/metrics")[1]
    found = re.findall(r"^spanledger_requests_total\{[^}]*\} ([\d.]+)$", shown, re.MULTILINE)
    return sum(int(float(count)) for count in found)


def test_a_service_that_exports_to_itself_makes_no_loop(migrated_database: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    service = RunningService(migrated_database, environment=environment)
    service.http = f"127.0.0.1:{port}"
    with service:
        assert post(service.http, REPORT)[0] == 200
        until(lambda: requests_of(service) >= 2)
        before = requests_of(service)  # a slow start has more batches of tasks behind it
        time.sleep(3)
        assert requests_of(service) - before < 10, "batches of tasks; no export of an export"


@pytest.mark.slow
def test_a_receiver_of_traces_that_hangs_holds_up_no_restart_under_load(migrated_database: str) -> None:
    with otlp_sink(delay_seconds=60) as sink:
        environment = {**SOON, "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
        with (
            RunningService(migrated_database, workers=2, environment=environment) as service,
            RetryingSenders(service.grpc) as senders,
        ):
            senders.wait_for_more(2_000)
            assert service.stop() == 0, "in order, before the deadline at which it would end itself"
            service.start()
            senders.wait_for_more(2_000)
    assert_exact(migrated_database, senders)
