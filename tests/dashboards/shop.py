"""The demo's planned day as a ledger, and what dashboards must show of it, computed from the plan alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import psycopg

from demo.plan import INTERRUPTED, OK, Plan, PlannedCall, PlannedRequest, make_plan
from demo.shop import pseudonym
from demo.truth import cost_of
from operations.inbox.receive import receive
from operations.inbox.story import explain_due
from operations.incidents.model import open_incident
from operations.operator_files.model import OperatorFile, put_in_force
from processor.alerting.budgets_file import read_budgets
from processor.calls.call import Batch, UncountedSpan, Unread
from processor.calls.strict_yaml import read_yaml
from storage.budgets.judge import judge
from storage.ingest.writer import Writer
from tests.operations.alert_documents import alert, grafana, milliseconds
from tests.operations.ledger import ERROR_WITHOUT_USAGE, NO_USAGE, PRICED, UNPRICED, Call, fill

ANCHOR = datetime(2026, 5, 20, 17, 30, tzinfo=UTC)
HOSTILE_TENANT = """a&b #c+d/e "f" 'g' ü % \\ ${env} *"""
"""A tenant whose name holds everything that could break a link or a query."""


@cache
def plan() -> Plan:
    """The day, drawn when it is first asked for."""
    return make_plan(ANCHOR, scale=0.25, days=1)


def fill_day(dsn: str) -> None:
    """Store the day: in prod and real data, with a trickle of staging and test data, and one hostile name."""
    calls = list(calls_of(plan()))
    odd = calls[len(calls) // 10]  # some twenty hours ago: out of the windows that are compared
    extra = [
        Call(odd.time + timedelta(seconds=n), environment="staging", data_mode="test", prompt_version="v0")
        for n in range(5)
    ]
    extra += [
        Call(
            odd.time + timedelta(seconds=n),
            tenant=HOSTILE_TENANT,
            endpoint="search.embed",
            prompt_version="search_v1",
        )
        for n in range(3)
    ]
    fill(dsn, [*calls, *extra])
    _name_sessions(dsn)
    _send_unread(dsn)
    _send_alerts(dsn)
    _judge_budgets(dsn)
    _measure_freshness(dsn)


BREACH = ANCHOR - timedelta(hours=3)
"""For five minutes calls took half an hour to become visible, and the probe failed."""


def _measure_freshness(dsn: str) -> None:
    """A day of calls that were visible at once, of the probe and of a late sender; one breach."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO _genai.freshness_minute SELECT m, 10, 100 FROM generate_series("
            " %(to)s - interval '24 hours', %(to)s - interval '1 minute', '1 minute') m"
            " UNION ALL SELECT m, 39, 50 FROM generate_series(%(breach)s,"
            " %(breach)s + interval '4 minutes', '1 minute') m",
            {"to": ANCHOR, "breach": BREACH},
        )
        connection.execute(
            "INSERT INTO _genai.freshness_breach"
            " (opened_at, peak_at, peak_seconds, closed_at, cause, detail, note, noted_by)"
            " VALUES (%s, %s, 1800, %s, 'queue_waits', 'worker 0: the oldest request waits for 1,800 s',"
            " 'a forgotten lock', 'ada')",
            (BREACH, BREACH + timedelta(minutes=2), BREACH + timedelta(minutes=5)),
        )
        for minute in range(24 * 60):
            sent = ANCHOR - timedelta(hours=24) + timedelta(minutes=minute)
            failure = "summaries" if BREACH <= sent < BREACH + timedelta(minutes=5) else None
            seen = None if failure else sent + timedelta(milliseconds=60)
            connection.execute(
                "INSERT INTO _genai.probe_run (sent_at, accepted_at, visible_at, endpoint, holder, calls,"
                " cost_pico_usd, expected_pico_usd, failure, detail)"
                " VALUES (%s, %s, %s, 'http://127.0.0.1:4317', 'here:1', %s, 56000000, 56000000, %s, %s)",
                (sent, sent + timedelta(milliseconds=20), seen, None if failure else 1, failure,
                 failure and "not in the sums by minute within 30 s"),
            )  # fmt: skip
        connection.execute(
            "INSERT INTO _genai.sender_lag_minute SELECT m, 'prod', 'real', s, 100, l, a"
            " FROM generate_series(%(to)s - interval '24 hours', %(to)s - interval '1 minute', '1 minute') m"
            " CROSS JOIN (VALUES ('support-bot', 2.5::float8, 0.2::float8),"
            " ('shop-api', 240, -7)) v (s, l, a)",
            {"to": ANCHOR},
        )


BUDGETS = """
version: 1
budgets:
  - {name: everything, owner: platform, daily: "0.01", monthly: "900"}
  - {name: support, scope: {endpoint: support.answer}, daily: "5", spend_alerts: [{daily: "0.01"}]}
"""


def _judge_budgets(dsn: str) -> None:
    """One limit is exceeded, one is far, and a spend-alert was reached."""
    root = read_yaml(BUDGETS.encode(), "budgets.yaml")
    assert root is not None
    with psycopg.connect(dsn, autocommit=True) as connection:
        put_in_force(connection, OperatorFile("budgets", "1", BUDGETS, read_budgets(root)))
        connection.execute("UPDATE _genai.operator_file SET loaded_at = %s", [ANCHOR - timedelta(days=1)])
        judge(connection, ANCHOR - timedelta(minutes=1))


def _send_alerts(dsn: str) -> None:
    """The watchdog, an alert that became an incident, one that is open, and one that was over by itself."""
    began = ANCHOR - timedelta(minutes=30)
    told = [
        alert("1", began, alertname="Watchdog", rule="watchdog"),
        alert("2", began, endpoint="support.answer"),
        alert("3", began, rule="burst_failing", severity="critical", tenant=HOSTILE_TENANT),
        alert("4", began, ended_at=ANCHOR, endpoint="search.embed"),
    ]
    for each in told:
        window = {"WFROM": milliseconds(began - timedelta(hours=1)), "WTO": milliseconds(began)}
        each["values"] |= window
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        found = receive(connection, grafana(*told), now=ANCHOR)
        explain_due(connection)
        open_incident(connection, found.deliveries[1].episode_id, "ada")
        connection.execute("UPDATE _genai.incident SET opened_at = %s", [ANCHOR - timedelta(minutes=20)])
        connection.execute("INSERT INTO _genai.setting (key, value) VALUES ('public_url', %s)", [PAGES_AT])


PAGES_AT = "https://ledger.example"
SESSIONS = 3


def _name_sessions(dsn: str) -> None:
    """Let the last thirty answers be streamed by a coding agent, ten to a session."""
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO _genai.reading VALUES (77, 'claude_code', '{}')")
        connection.execute("INSERT INTO _genai.shape VALUES (77, 77, NULL, true, false, 'chat')")
        connection.execute(
            """
            UPDATE _genai.model_call m SET shape_id = 77, conversation_id = 'session-' || n.place %% %s,
                time_to_first_token_us = 100000 + n.place * 1000
            FROM (
                SELECT c.time, c.call_key, row_number() OVER (ORDER BY c.time DESC) AS place
                FROM genai.model_call c WHERE c.endpoint_tag = 'support.answer' AND c.status = 'success'
                ORDER BY c.time DESC LIMIT 30
            ) n
            WHERE m.time = n.time AND m.call_key = n.call_key
            """,
            (SESSIONS,),
        )


def _send_unread(dsn: str) -> None:
    """One span of a vocabulary that nobody knows."""
    start_ns = int((ANCHOR - timedelta(minutes=20)).timestamp()) * 10**9
    unread = Unread(b"unread", start_ns, "acme.llm", "3.1", ("acme.tokens.prompt",), "worker")
    sightings = [UncountedSpan(b"", b"", b"", "", "", unread=unread)]
    writer = Writer(dsn)
    writer.write([(Batch(sightings=sightings, received_ns=start_ns), [])])
    writer.close()


def spend(start: datetime, end: datetime, wanted: Callable[[PlannedRequest], bool] = lambda _: True) -> int:
    """Pico-USD of the plan's calls in [start, end)."""
    return sum(
        cost_of(request.model, call.usage) or 0
        for request, call in plan().calls()
        if start <= _time(call) < end and wanted(request)
    )


def count(
    start: datetime, end: datetime, wanted: Callable[[PlannedRequest], bool] = lambda _: True
) -> tuple[int, int]:
    """Calls and requests of the plan in [start, end)."""
    found = [
        (request, call) for request, call in plan().calls() if start <= _time(call) < end and wanted(request)
    ]
    return len(found), sum(call.attempt == 1 for _, call in found)


def _time(call: PlannedCall) -> datetime:
    return datetime.fromtimestamp(call.start_ns // 1_000 / 1e6, UTC)


def calls_of(plan: Plan) -> Iterator[Call]:
    """The calls of a plan as the ledger keeps them."""
    for request, call in plan.calls():
        usage, model = call.usage, request.model
        cost = cost_of(model, usage)
        failed = call.outcome not in (OK, INTERRUPTED)
        costs = None
        if cost is not None and usage is not None:
            plain = usage.input - usage.cache_read - usage.cache_write
            costs = (plain * (model.input or 0), usage.cache_read * model.cache_read,
                     usage.cache_write * model.cache_write, usage.output * model.output, 0)  # fmt: skip
            assert sum(costs) == cost
        priced = PRICED if cost is not None else UNPRICED if usage else NO_USAGE
        yield Call(
            _time(call), request.feature.tag, request.prompt.version, model.provider, model.answers_as,
            pseudonym(request.user), request.tenant, request.feature.service,
            status="error" if failed else "success", requests=int(call.attempt == 1),
            input_tokens=usage.input if usage else None,
            cache_read_tokens=usage.cache_read if usage else None,
            cache_write_tokens=usage.cache_write if usage else None,
            output_tokens=usage.output if usage else None,
            costs=costs, price_status=ERROR_WITHOUT_USAGE if failed else priced,
            latency_ms=(call.end_ns - call.start_ns) // 1_000_000,
        )  # fmt: skip
