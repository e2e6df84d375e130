"""Plays the demo: starts the stage, sends the history, checks every figure, keeps traffic flowing."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import psycopg
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExporter
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from demo import agent, budgets, findings, history, next_steps, questions, screen, settings
from demo.alerts import evaluating, raised
from demo.grafana import Program, find, running
from demo.plan import Draw, Plan, make_plan
from demo.stage import RESOURCE, Ports, Stage, StageError, choose_ports, directory
from demo.traffic import Customers, requests_per_second
from demo.truth import Totals
from operations.diagnosis.database import lag
from operations.dimensions import split
from operations.spend import model as spend
from operations.terminal import print_json, program
from storage.postings.folder import fold

USUAL_PORTS = Ports(grpc=4317, http=4318, ops=4319)
LIVE_QUESTIONS = 24
"""Every feature three times: few enough not to show beside the plan's own rate."""
LIVE_PATIENCE_SECONDS = 20.0
"""The services export every half second; on a loaded machine their last batch may take a few."""


class Wrong(Exception):
    """What the ledger shows is not what happened; one line per figure."""


def run(
    console: Console, keep: bool, once: bool, draw: Draw, as_json: bool = False, grafana: Path | None = None
) -> int:
    """Play the demo until Ctrl-C (with `once`: until all is checked). Returns the exit code.

    Args:
        draw: which history is sent.
        as_json: print one JSON object on stdout instead of the screen; `console` then gets what goes wrong.
        grafana: the reader's own Grafana, which then runs beside the demo with our dashboards.
    """
    _forget_surroundings()
    ports = choose_ports(Ports(0, 0, 0) if once else USUAL_PORTS)
    with _interruptible(), directory(keep) as place:
        stage = Stage(place, ports, keep)
        try:
            binary = find(grafana) if grafana else None
            _play(console, stage, once, draw, as_json, binary)
        except KeyboardInterrupt:
            console.print("\nStopping.", style="dim")
        except (Wrong, StageError, history.HistoryLost) as error:
            console.print(f"The demo failed. {error}", style="bold red", markup=False)
            return 1
        finally:
            _finish_undisturbed()
            stage.close()
    if keep:
        console.print(next_steps.kept(place, program(), USUAL_PORTS.ops), soft_wrap=True)
    return 0


def _play(
    console: Console, stage: Stage, once: bool, draw: Draw, as_json: bool, grafana: Program | None
) -> None:
    plan, delivery = _start(console, stage, draw)
    wanted = questions.expected(plan)
    with psycopg.connect(stage.dsn, autocommit=True, options="-c timezone=UTC") as connection:
        fold(connection)  # the last requests were acknowledged a moment ago
        answers = questions.asked(connection, plan)
        if wrong := questions.differences(wanted, answers):
            raise Wrong("The ledger differs from the plan:\n" + "\n".join(wrong))
        figures = sum(len(answer) for answer in wanted.values()) * len(Totals.__dataclass_fields__)
        delivered = screen.Delivery(*delivery, figures)
        told = findings.told(connection, plan)
        budgets.run_to_warning(connection)
        alerts = raised(connection, plan, stage.pages)
        if not as_json:
            console.print(screen.report(plan, answers, delivered))
            console.print(next_steps.stories(told))
            console.print(next_steps.alerts(alerts, stage.pages))
        customers = Customers(stage.service_ports)
        live = _live(connection, stage, customers, plan.anchor)
        fresh = lag(connection)
    if as_json:
        print_json(screen.document(plan, answers, delivered, told, live))
        return
    console.print(screen.live(live, fresh))
    if once and grafana is None:
        if stage.keep:
            console.print(
                next_steps.suggestions(plan, told, stage.directory, program(), None), soft_wrap=True
            )
        return
    with ExitStack() as stack:
        dashboards = None
        if grafana:
            console.print("Starting Grafana.", style="dim")
            port = choose_ports(Ports(0, 0, 0)).ops
            dashboards = stack.enter_context(running(grafana, stage.dsn, stage.directory, port, stage.pages))
        console.print(screen.doors(stage.ports, dashboards), soft_wrap=True)
        if not once:
            if grafana is None:
                stack.enter_context(evaluating(stage.dsn, stage.pages))
            ops = f"http://127.0.0.1:{stage.ports.ops}"
            lines = next_steps.suggestions(plan, told, stage.directory, program(), ops)
            console.print(lines, soft_wrap=True)
            _keep_flowing(console, customers, stage)


def _start(console: Console, stage: Stage, draw: Draw) -> tuple[Plan, tuple[int, float]]:
    """Start everything at once, as far as possible, and send the history; returns spans sent and seconds."""
    with _progress(console) as progress, ThreadPoolExecutor(4) as pool:

        def step(title: str, *work: Callable[[], object]) -> Future[object]:
            task = progress.add_task(title, total=len(work))

            def do() -> object:
                done: object = None
                for part in work:
                    done = part()
                    progress.advance(task)
                return done

            return pool.submit(do)

        shop = step("the shop, its provider and their SDKs", stage.start_shop)
        planned = pool.submit(make_plan, datetime.now(UTC), draw.seed, days=draw.days)
        service = step(
            "PostgreSQL and the service",
            stage.start_postgres,
            lambda: budgets.write(planned.result(), stage.directory),
            lambda: settings.write(stage.directory),
            stage.start_service,
        )
        plan = planned.result()
        due = sum(history.span_count(plan, service) for service in history.SERVICES)
        due += agent.event_count(plan)
        days = progress.add_task(f"{plan.days} days of spans and events by OTLP", total=due, start=False)
        service.result()
        progress.start_task(days)
        started = time.monotonic()
        sending = [
            pool.submit(_send, plan, name, exporter, lambda n: progress.advance(days, n))
            for name, exporter in _exporters(stage.ports).items()
        ]
        sending.append(pool.submit(_send_events, plan, stage.ports, lambda n: progress.advance(days, n)))
        sent = sum(future.result() for future in sending)
        seconds = time.monotonic() - started
        shop.result()
        return plan, (sent, seconds)


def _send(plan: Plan, service: str, exporter: SpanExporter, progress: Callable[[int], None]) -> int:
    try:
        return history.send(plan, service, exporter, RESOURCE, progress)
    finally:
        exporter.shutdown()


def _send_events(plan: Plan, ports: Ports, progress: Callable[[int], None]) -> int:
    """The developer's part of the history, as log events."""
    exporter = OTLPLogExporter(endpoint=f"http://127.0.0.1:{ports.http}/v1/logs", timeout=30)
    try:
        return agent.send(plan, exporter, RESOURCE, progress)
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]


def _exporters(ports: Ports) -> dict[str, SpanExporter]:
    """The stock exporters, one per service, over the two transports."""
    return {
        "support-bot": GrpcExporter(endpoint=f"http://127.0.0.1:{ports.grpc}", insecure=True, timeout=30),
        "shop-api": HttpExporter(endpoint=f"http://127.0.0.1:{ports.http}/v1/traces", timeout=30),
    }


def _live(
    connection: psycopg.Connection[object], stage: Stage, customers: Customers, since: datetime
) -> Totals:
    """Ask the running services, and wait until the ledger says what the provider's own bill says.

    Raises:
        Wrong: an answer failed, or ledger and bill still differ when patience ends.
    """
    refused = [status for status in customers.burst(LIVE_QUESTIONS) if status != 200]
    if refused:
        raise Wrong(
            f"{len(refused)} of {LIVE_QUESTIONS} customers got no answer: HTTP {sorted(set(refused))}"
        )
    bill = _bill(stage.provider_port)
    bill.requests = LIVE_QUESTIONS
    deadline = time.monotonic() + LIVE_PATIENCE_SECONDS
    while (counted := _counted(connection, since)) != bill:
        if time.monotonic() > deadline:
            raise Wrong(f"live, the ledger counted {counted}\nand the provider billed {bill}")
        time.sleep(0.1)
    return counted


def _bill(provider_port: int) -> Totals:
    with urllib.request.urlopen(f"http://127.0.0.1:{provider_port}/bill", timeout=5) as answer:
        models = json.load(answer)["models"]
    return sum((Totals(**totals) for totals in models.values()), Totals())


def _counted(connection: psycopg.Connection[object], since: datetime) -> Totals:
    until = datetime.now(UTC) + timedelta(minutes=1)
    asked = spend.Question(since, until, split("model"), "prod", "demo")
    return sum((questions.totals_of(row.sums) for row in spend.top(connection, asked).rows), Totals())


_AFTERWARDS = {False: " and leaves nothing behind", True: ", and the data stay"}


def _keep_flowing(console: Console, customers: Customers, stage: Stage) -> None:
    """Until Ctrl-C; raises StageError when a process of the demo ends before."""
    rate = requests_per_second(datetime.now(UTC)) * 60
    console.print(
        f"Traffic keeps flowing at the shop's usual rate, about {rate:.0f} requests a minute. "
        f"[bold]Ctrl-C[/bold] ends it{_AFTERWARDS[stage.keep]}.",
        soft_wrap=True,
    )
    stop = threading.Event()
    trickle = threading.Thread(target=customers.flow, args=(stop,), daemon=True)
    try:
        trickle.start()
        while trickle.is_alive():
            trickle.join(0.2)  # a join without a limit would hold Ctrl-C back
            stage.check()
    finally:
        stop.set()
        if trickle.is_alive():
            trickle.join()


_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _finish_undisturbed() -> None:
    """A second Ctrl-C must not leave half of the demo behind."""
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _interruptible() -> Iterator[None]:
    """A closed terminal and a SIGTERM end the demo as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        _finish_undisturbed()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _forget_surroundings() -> None:
    """Keep the reader's own telemetry, database and proxy settings out of the demo and its processes."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "SPANLEDGER_", "PG")) or name == "DATABASE_URL":
            del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓[/green]"), TextColumn("{task.description}"), BarColumn(24),
        MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    )  # fmt: skip
