"""docs/instrumenting.md: each of its blocks runs against the real service, and the ledger shows it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.rows import dict_row
from typer.testing import CliRunner

from cli.__main__ import build
from demo.stage import Process
from receiver.dialects.table import ApplicationKeys
from service import keys
from tests import servers
from tests.machine import COLLECTOR, COLLECTOR_VERSION, KEPT, NOT_HERE, require
from tests.patience import PATIENCE_SECONDS
from tests.receiver.spans import Made, request
from tests.running import ROOT, RunningService

PAGE = (ROOT / "docs" / "instrumenting.md").read_text()
BLOCKS = {
    (language, name): body
    for language, name, body in re.findall(r"^```(\w+) (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
}
INVENTED = Made(
    {
        "acme.kind": "completion",
        "acme.vendor": "openai",
        "acme.model": "gpt-4o-mini",
        "acme.tokens.prompt": 1_000,
        "acme.usage": '{"output": 200, "cache": {"read": 3000}}',
    },
    name="llm answer",
    scope=("acme.llm.tracing", "3.1"),
)
INSTALL_NODE = BLOCKS["bash", "install_node.sh"]
NODE_MODULES = KEPT / f"instrumenting-node-{sha256(INSTALL_NODE.encode()).hexdigest()[:12]}"


@dataclass
class Ledger:
    """A service with an API key, and where its ledger is read."""

    service: RunningService
    url: str
    key: str
    provider_port: int

    def here(self, text: str) -> str:
        """A block with the page's usual ports replaced by this service's."""
        return text.replace("127.0.0.1:4318", self.service.http).replace("127.0.0.1:4317", self.service.grpc)

    def environment(self) -> dict[str, str]:
        """What a block runs in: our Python first, a provider on this machine, the key."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {
            "PATH": path,
            "HOME": os.environ.get("HOME", "/"),
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.provider_port}/v1",
            "SPANLEDGER_API_KEY": self.key,
            "IDENTITY_KEY": "a secret of the application",
        }

    def calls(self, wanted: int, where: str = "true") -> list[dict[str, Any]]:
        """The calls of the ledger, once there are `wanted` of them, the newest last."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            while True:
                query = f"SELECT * FROM genai.model_call WHERE {where} ORDER BY time"  # noqa: S608 - ours
                found = connection.execute(query).fetchall()
                if len(found) >= wanted or time.monotonic() > deadline:
                    return found
                time.sleep(0.1)


@pytest.fixture(scope="module")
def _service() -> Iterator[tuple[RunningService, str, str]]:
    with servers.fresh_database("postgres", "empty", lambda _: None) as url, RunningService(url) as service:
        with psycopg.connect(url, autocommit=True) as connection:
            _, secret = keys.create(connection, "instrumenting", ["ingest"])
        yield service, url, secret


@pytest.fixture
def ledger(_service: tuple[RunningService, str, str], tmp_path: Path) -> Iterator[Ledger]:
    """A ledger without calls."""
    service, url, key = _service
    with provider(tmp_path, refused_of=1_000_000) as port:
        yield Ledger(service, url, key, port)


@contextmanager
def provider(tmp_path: Path, refused_of: int) -> Iterator[int]:
    """The demo's model provider."""
    arguments = ["demo", "provider", "--seconds-per-token=0", f"--refused-of={refused_of}"]
    process = Process(arguments, tmp_path / "provider.log", {})
    try:
        yield process.port()
    finally:
        process.stop()


def write(folder: Path, *names: str, change: Callable[[str], str] = str) -> None:
    """Write blocks of the page as the files that they name."""
    for name in names:
        body = next(body for (_, block), body in BLOCKS.items() if block == name)
        (folder / name).write_text(change(body))


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_vocabulary_mapped_as_shown_is_read_by_inspect(tmp_path: Path) -> None:
    """tests/service/test_unread.py sends such spans to a service with the same file."""
    settings, payload = tmp_path / "dialects.yaml", tmp_path / "payload.pb"
    settings.write_text(BLOCKS["yaml", "dialects.yaml"], encoding="utf-8")
    payload.write_bytes(request(INVENTED).SerializeToString())
    arguments = ["inspect", "--json", "--raw-identities", "--config", str(settings), str(payload)]
    shown = CliRunner().invoke(build(), arguments, catch_exceptions=False)
    (call,) = json.loads(shown.stdout)["calls"]
    assert (call["dialect"], call["inputTokens"], call["priceStatus"]) == ("acme", 4_000, "priced")
    assert call["sources"]["cacheReadTokens"] == "acme.usage→cache→read"


def test_every_block_has_a_test() -> None:
    source = Path(__file__).read_text()
    assert [name for _, name in BLOCKS if f'"{name}"' not in source] == []
    assert len(re.findall(r"^```\w", PAGE, re.MULTILINE)) == len(BLOCKS), "a block without a name is not run"


def test_every_tag_of_the_table_is_read() -> None:
    table = PAGE[PAGE.index("| tag |") :].partition("\n\n")[0]
    rows = re.findall(r"^\| [\w ]+ \| ((?:`[^`]+`,? ?)+)[:|]", table, re.MULTILINE)
    named = {attribute for row in rows for attribute in re.findall(r"`([^`]+)`", row)}
    assert len(named) > 10
    read = ApplicationKeys().keys()
    assert named - {key.attribute for key in read} == set()


@pytest.mark.postgres
def test_zero_code(ledger: Ledger, tmp_path: Path) -> None:
    def local(script: str) -> str:
        installed = re.sub(r"^pip install.*\n", "", script, flags=re.MULTILINE)
        return ledger.here(installed)

    write(tmp_path, "zero_code.sh", change=local)
    (tmp_path / "your_app.py").write_text(
        "import openai\n"
        "messages = [{'role': 'user', 'content': 'Where is my order?'}]\n"
        "openai.OpenAI().chat.completions.create(model='gpt-4.1', messages=messages)\n"
    )
    header = {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{ledger.key}"}
    run("source zero_code.sh", tmp_path, ledger.environment() | header)
    [call] = ledger.calls(
        1, "request_model = 'gpt-4.1'"
    )  # two instrumentations are installed here: counted once
    assert (call["service_name"], call["endpoint_tag"]) == ("support-bot", "unknown")
    assert call["cost_usd"] > 0


@pytest.mark.postgres
def test_python_tags_and_settings(ledger: Ledger, tmp_path: Path) -> None:
    write(tmp_path, "tracing.py", "app.py")
    write(tmp_path, "settings.env", change=ledger.here)
    assert run("source settings.env; python app.py", tmp_path, ledger.environment()).strip()
    [call] = ledger.calls(
        1, "prompt_version = 'summary_v3' AND tenant_id = 'acme' AND dialect = 'otel_genai'"
    )
    assert call["endpoint_tag"] == "checkout.ai_summary"
    assert call["user_id"].startswith(("hmac:", "h:"))
    assert "ada" not in call["user_id"]
    assert (call["service_name"], call["environment"], call["data_mode"]) == ("support-bot", "prod", "real")
    assert call["price_status"] == "priced"


@pytest.mark.postgres
def test_python_retries_are_one_request(ledger: Ledger, tmp_path: Path) -> None:
    write(tmp_path, "tracing.py", "retries.py")
    write(tmp_path, "settings.env", change=ledger.here)
    with provider(tmp_path, refused_of=1) as refusing:
        environment = ledger.environment() | {"OPENAI_BASE_URL": f"http://127.0.0.1:{refusing}/v1"}
        run("source settings.env; python retries.py", tmp_path, environment)
    first, second = ledger.calls(2, "endpoint_tag = 'support.triage'")
    assert first["external_request_id"] == second["external_request_id"]
    assert [call["status"] for call in (first, second)] == ["error", "success"]
    assert [call["attempt"] for call in (first, second)] == [1, 2]
    assert first["requests"] + second["requests"] == 1


@pytest.mark.postgres
def test_direct_report(ledger: Ledger, tmp_path: Path) -> None:
    write(tmp_path, "report.sh", change=ledger.here)
    run("bash report.sh; bash report.sh", tmp_path, ledger.environment())  # the second one changes nothing
    [call] = ledger.calls(1, "dialect = 'report'")
    assert call["external_request_id"] == "req_01HZXB6MQZ2WQ9D2KCF9M4V2QY"
    assert (call["input_tokens"], call["output_tokens"], call["latency_ms"]) == (540, 180, 892)
    assert (call["user_id"], call["cost_pico_usd"]) == ("tenant_acme_hash", 540 * 150_000 + 180 * 600_000)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One test process at a time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def node_modules(request: pytest.FixtureRequest) -> Path:
    """The packages of the page, installed once on this machine."""
    require(request.config, "node")
    NODE_MODULES.mkdir(parents=True, exist_ok=True)
    with locked(NODE_MODULES / "lock"):
        if not (NODE_MODULES / "node_modules" / ".package-lock.json").exists():
            command = INSTALL_NODE.replace("npm install", "npm install --no-audit --no-fund")
            done = subprocess.run(
                ["bash", "-euc", command], cwd=NODE_MODULES, capture_output=True, text=True, check=False
            )
            if done.returncode:
                pytest.skip(f"{NOT_HERE}: npm could not install: {done.stderr.strip().splitlines()[-1]}")
    return NODE_MODULES / "node_modules"


NODE_SETTINGS = {
    "OTEL_EXPORTER_OTLP_TIMEOUT": "5000",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize("hide", [False, True], ids=["content", "content hidden"])
def test_node(ledger: Ledger, tmp_path: Path, node_modules: Path, hide: bool) -> None:
    write(tmp_path, "tracing.js", "app.js")
    write(tmp_path, "settings.env", change=ledger.here)
    (tmp_path / "node_modules").symlink_to(node_modules)
    service = f"node-{hide}"
    hidden = {"OPENINFERENCE_HIDE_INPUTS": "true", "OPENINFERENCE_HIDE_OUTPUTS": "true"} if hide else {}
    exports = "".join(f"export {name}={value}\n" for name, value in (NODE_SETTINGS | hidden).items())
    exports += f"export OTEL_SERVICE_NAME={service}"
    command = f"source settings.env\n{exports}\nnode --require ./tracing.js app.js"
    assert run(command, tmp_path, ledger.environment()).strip()
    [call] = ledger.calls(1, f"service_name = '{service}'")
    assert (call["endpoint_tag"], call["prompt_version"]) == ("checkout.ai_summary", "summary_v3")
    assert (call["tenant_id"], call["dialect"]) == ("acme", "openinference")
    assert call["cost_usd"] > 0


@pytest.mark.slow
def test_node_ends_well_when_the_receiver_is_away(tmp_path: Path, node_modules: Path) -> None:
    write(tmp_path, "tracing.js", "app.js")
    (tmp_path / "node_modules").symlink_to(node_modules)
    with provider(tmp_path, refused_of=1_000_000) as port:
        environment = NODE_SETTINGS | {
            "PATH": os.environ["PATH"],
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",  # the discard port: nobody listens
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
        }
        assert run("node --require ./tracing.js app.js", tmp_path, environment).strip()


def test_the_collectors_configuration_names_what_it_uses() -> None:
    settings = yaml.safe_load(BLOCKS["yaml", "collector.yaml"])
    [pipeline] = settings["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(settings[kind])
    assert set(settings["service"]["extensions"]) == set(settings["extensions"])


@pytest.fixture(scope="session")
def collector(request: pytest.FixtureRequest) -> Path:
    """A Collector with the parts of the page, built once on this machine from the Go modules."""
    require(request.config, "collector")
    COLLECTOR.parent.mkdir(parents=True, exist_ok=True)
    with locked(COLLECTOR.parent / "lock"):
        if not COLLECTOR.exists():
            _build_collector(COLLECTOR)
    return COLLECTOR


def _build_collector(binary: Path) -> None:
    core, contrib = (
        "go.opentelemetry.io/collector",
        "github.com/open-telemetry/opentelemetry-collector-contrib",
    )
    parts = {
        "receivers": [f"{core}/receiver/otlpreceiver"],
        "processors": [f"{core}/processor/memorylimiterprocessor"],
        "exporters": [f"{core}/exporter/otlpexporter"],
        "extensions": [f"{contrib}/extension/storage/filestorage"],
    }
    manifest = {
        kind: [{"gomod": f"{module} {COLLECTOR_VERSION}"} for module in of] for kind, of in parts.items()
    }
    out = binary.parent / "build"
    out.mkdir(parents=True, exist_ok=True)
    (out / "builder.yaml").write_text(
        yaml.safe_dump(manifest | {"dist": {"name": "otelcol-small", "output_path": str(out / "out")}})
    )
    install = f"GOBIN={out} go install {core}/cmd/builder@{COLLECTOR_VERSION}"
    command = f"{install} && nice {out}/builder --config builder.yaml"
    done = subprocess.run(["bash", "-euc", command], cwd=out, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{NOT_HERE}: the Collector does not build: {done.stderr.strip().splitlines()[-1]}")
    (out / "out" / "otelcol-small").rename(binary)


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.timeout(900)  # the first run builds the Collector: two and a half minutes of two cores
def test_a_collector_keeps_what_the_service_could_not_take(
    ledger: Ledger, tmp_path: Path, collector: Path
) -> None:
    write(tmp_path, "tracing.py", "app.py")
    write(
        tmp_path,
        "collector.yaml",
        change=lambda text: ledger.here(text).replace("/var/lib/otelcol", str(tmp_path)),
    )
    environment = ledger.environment()
    ledger.service.stop()  # away: the Collector has to keep the span, over its own restart
    with _collecting(collector, tmp_path, environment):
        to_collector = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:14318",
            "OTEL_SERVICE_NAME": "by-collector",
        }
        run("python app.py", tmp_path, environment | to_collector)
    ledger.service.start()
    with _collecting(collector, tmp_path, environment):
        [call] = ledger.calls(1, "service_name = 'by-collector'")
    assert call["endpoint_tag"] == "checkout.ai_summary"


@contextmanager
def _collecting(binary: Path, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    with (folder / "collector.log").open("ab") as log:
        process = subprocess.Popen(
            [str(binary), "--config", "collector.yaml"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while b"Everything is ready" not in (folder / "collector.log").read_bytes():
        assert process.poll() is None, (folder / "collector.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (folder / "collector.log").write_bytes(b"")
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
