"""Every reason why nothing arrives, produced against `spanledger serve` and seen in all five places."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from html import unescape

import grpc
import httpx
import psycopg
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.metrics.export import MetricsData

from receiver.diagnosis.causes import CAUSES
from receiver.diagnosis.port_watch import SILENT_SECONDS
from service import keys
from tests.end_to_end.traffic import make_spans
from tests.patience import PATIENCE_SECONDS, until
from tests.receiver.doors import json_request, request
from tests.receiver.test_problems import plain_span
from tests.running import ROOT, RunningService
from tests.service.test_serve import get

Headers = dict[str, str]

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


class Senders:
    """What is done wrong, by clients as they are: the stock exporters, gRPC, an HTTP library."""

    def __init__(self, service: RunningService, ingest: str, read: str, revoked: str) -> None:
        self.service = service
        self.read, self.revoked = read, revoked
        self.last_call = time.monotonic()
        self.ingest = {"authorization": f"Bearer {ingest}"}

    def over_grpc(self, headers: Headers | None = None, address: str = "") -> None:
        exporter = GrpcExporter(
            f"http://{address or self.service.grpc}", insecure=True, headers=headers, timeout=2
        )
        exporter.export(make_spans(1, seed=1))
        exporter.shutdown()
        if not address:
            self.last_call = time.monotonic()

    def over_http(self, headers: Headers | None = None, scheme: str = "http") -> None:
        exporter = HttpExporter(f"{scheme}://{self.service.http}/v1/traces", headers=headers, timeout=1)
        exporter.export(make_spans(1, seed=2))
        exporter.shutdown()

    def post(self, body: bytes, headers: Headers, path: str = "/v1/traces") -> None:
        address = f"http://{self.service.http}{path}"
        httpx.post(address, content=body, headers=self.ingest | headers, trust_env=False, verify=False)

    def http_to_the_grpc_port(self) -> None:
        """Once nobody has called for a while, every second connection meets us."""
        time.sleep(max(0.0, self.last_call + SILENT_SECONDS + 2 - time.monotonic()))
        for _ in range(40):
            with suppress(httpx.TransportError):  # gRPC itself met this one
                answer = httpx.post(
                    f"http://{self.service.grpc}/v1/traces", content=b"", trust_env=False, verify=False
                )
                assert (answer.status_code, "send OTLP/HTTP to port 4318" in answer.text) == (503, True)
                return

    def metrics(self) -> None:
        exporter = OTLPMetricExporter(f"http://{self.service.http}/v1/metrics", headers=self.ingest)
        exporter.export(MetricsData([]))
        exporter.shutdown()

    def unknown_method(self) -> None:
        with grpc.insecure_channel(self.service.grpc) as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary("/x.y/Export")(b"", metadata=list(self.ingest.items()), timeout=5)
        self.last_call = time.monotonic()


def mistakes(senders: Senders) -> dict[str, Callable[[], None]]:
    """Cause → what produces it."""
    body = request().SerializeToString()
    as_json = json.dumps(json_request())
    framework = plain_span("opentelemetry.instrumentation.fastapi", "shop-api").SerializeToString()
    other = plain_span("acme.llm", "assistant")
    other.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano = time.time_ns() - 10**9
    other.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = time.time_ns()
    tokens = other.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="acme.prompt_tokens")
    tokens.value.int_value = 12
    return {
        # Those over gRPC first: what comes to their port otherwise is looked at once it is silent.
        "no_key": senders.over_grpc,
        "revoked_key": lambda: senders.over_grpc({"authorization": f"Bearer {senders.revoked}"}),
        "unknown_rpc": senders.unknown_method,
        "unknown_key": lambda: senders.over_http({"authorization": "Bearer sl_0123456789-of-nobody"}),
        "unreadable_key": lambda: senders.over_http({"authorization": "Token abc"}),
        "missing_scope": lambda: senders.over_http({"x-api-key": senders.read}),
        "grpc_on_http_port": lambda: senders.over_grpc(senders.ingest, senders.service.http),
        "tls_on_plain_port": lambda: senders.over_http(senders.ingest, "https"),
        "wrong_path": lambda: senders.post(body, PROTOBUF, "/v1/trace"),
        "wrong_content_type": lambda: senders.post(body, {"content-type": "text/plain"}),
        "undeclared_gzip": lambda: senders.post(gzip.compress(body), PROTOBUF),
        "json_as_protobuf": lambda: senders.post(as_json.encode(), PROTOBUF),
        "protobuf_as_json": lambda: senders.post(body, JSON),
        "snake_case": lambda: senders.post(as_json.replace("resourceSpans", "resource_spans").encode(), JSON),
        "base64_ids": lambda: senders.post(
            json.dumps(json_request(traceId="AAAAAAAAAAAAAAAAAAAAAQ==")).encode(), JSON
        ),
        "metrics": senders.metrics,
        "no_genai": lambda: senders.post(framework, PROTOBUF),
        "unread": lambda: senders.post(other.SerializeToString(), PROTOBUF),
        "http_on_grpc_port": senders.http_to_the_grpc_port,
    }


@pytest.mark.slow
def test_every_reason_is_in_the_log_once_and_on_the_pages_and_in_first_call(migrated_database: str) -> None:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        made = {name: keys.create(connection, name, ["ingest"]) for name in ("ingest", "revoked")}
        made["read"] = keys.create(connection, "read", ["read"])
        keys.revoke(connection, made["revoked"][0])
    secrets = {name: secret for name, (_, secret) in made.items()}
    with RunningService(migrated_database) as service:
        wanted = mistakes(Senders(service, **secrets))
        for produce in wanted.values():
            produce()
        reader = {"x-api-key": secrets["read"], "accept": "text/html"}
        as_json = reader | {"accept": "application/json"}
        titles = {CAUSES[cause].title for cause in wanted}
        pages, diagnostics = {}, {}

        def untold() -> set[str]:
            """What has not reached all places yet: the service looks every second."""
            diagnostics.update(json.loads(get(service.ops, "/diagnostics", as_json)[1]))
            pages.update({path: unescape(get(service.ops, path, reader)[1]) for path in ("/", "/service")})
            causes = {row["cause"] for row in diagnostics["senderProblems"]}
            places = *pages.values(), service.log
            return (set(wanted) - causes) | {each for each in titles for place in places if each not in place}

        until(lambda: not untold(), "every reason on every page and in the log")
        waiting = subprocess.run(
            [sys.executable, "-m", "spanledger", "first-call", "--timeout", "1s", "--since", "9m", "--json",
             "--database-url", migrated_database],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        log, answer = service.log, waiting.stdout

    lines = Counter(re.findall(r"spanledger\.senders: ([^\n]+?): \d+ \(", log))
    assert {row["cause"] for row in json.loads(answer)["senderProblems"]} >= set(wanted)
    assert waiting.returncode == 1
    assert [title for title in titles if lines[title] != 1] == []
    shown = "".join([*pages.values(), json.dumps(diagnostics), answer, log])
    assert [name for name, secret in secrets.items() if secret[6:] in shown] == []
