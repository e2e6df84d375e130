"""What is wrong with a service, judged from facts: no server, no clock."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from operations.diagnosis.database import Fault, Probe, State
from operations.diagnosis.findings import (
    CAUSES,
    Disk,
    Facts,
    Finding,
    Process,
    SenderClock,
    days_left,
    findings,
)
from tests.test_repository import ROOT

DAY = date(2026, 11, 29)
DONE = datetime(2026, 11, 29, 12, tzinfo=UTC)
TASK = {"task": "retention", "error": None, "is_overdue": False, "done_at": DONE, "failed_at": None}
CONTRACT = {
    "probe_failure": None, "probe_detail": None, "probe_is_missing": False, "probe_sent_at": DONE,
    "p95_seconds": 0.5, "objective_seconds": 300.0, "rejected": 9, "rejected_because": ["bad_id"],
}  # fmt: skip
STATE = State(
    "PostgreSQL 18", 0.001, 0.001, {"behind_seconds": 1.0}, [], [TASK],
    {"unbound": 0, "rollup_differences": 0}, [], {"database_bytes": 10**9, "bytes_per_day": 10**6}, CONTRACT,
)  # fmt: skip
SOUND = Facts(
    [Process("worker 0", True, 0.5)], Probe(None, 0.004, 0.02), STATE, [SenderClock("shop", 0.8)],
    Disk(50 * 10**9, 100 * 10**9), date(2026, 11, 1), DAY,
)  # fmt: skip


def failing(cause: str, detail: str) -> Facts:
    return SOUND._replace(probe=Probe(Fault(cause, detail)))


def under_contract(**found: object) -> Facts:
    return SOUND._replace(state=STATE._replace(contract=CONTRACT | found))


def test_a_sound_service_has_no_findings() -> None:
    assert findings(SOUND) == []


@pytest.mark.parametrize(
    ("facts", "cause", "words"),
    [
        (SOUND._replace(processes=[]), "no_worker", "no worker"),
        (SOUND._replace(processes=[Process("worker 0", True, 12)]), "worker_silent", "worker 0 .* 12 s"),
        (
            SOUND._replace(processes=[Process("worker 1", True, 0, 9, 3, "signal SIGKILL")]),
            "worker_crash_loop",
            "worker 1 ended 3 times in five minutes, last with signal SIGKILL",
        ),
        (
            SOUND._replace(processes=[Process("worker 0", True, 0, oldest_wait_seconds=7)]),
            "queue_waits",
            "for 7 s",
        ),
        (failing("database_away", "refused")._replace(state=None), "database_away", "refused"),
        (failing("summaries_unreadable", "no view"), "summaries_unreadable", "no view"),
        (SOUND._replace(probe=Probe(None, 2.5, 0.1)), "database_slow", "a commit took 2.5 s"),
        (SOUND._replace(clocks=[SenderClock("shop", -90)]), "sender_clock", "shop: 90 s ahead"),
        (SOUND._replace(clocks=[SenderClock("shop", 900)]), "late_sender", "within 900 s"),
        (SOUND._replace(state=STATE._replace(ahead_seconds=-30)), "database_clock", "30.0 s behind"),
        (SOUND._replace(state=STATE._replace(lag={"behind_seconds": 60})), "counted_late", "60 s ago"),
        (
            SOUND._replace(state=STATE._replace(tasks=[TASK | {"error": "disk full"}])),
            "task_failing",
            "retention: disk full",
        ),
        (
            SOUND._replace(state=STATE._replace(tasks=[TASK | {"is_overdue": True}])),
            "task_failing",
            "retention: not done since 2026-11-29 12:00 UTC",
        ),
        (
            SOUND._replace(state=STATE._replace(waiting={"unbound": 0, "rollup_differences": 2})),
            "sums_differ",
            "2 buckets",
        ),
        (under_contract(probe_failure="price", probe_detail="wrong"), "probe_failing", "price: wrong"),
        (under_contract(probe_is_missing=True), "probe_failing", "none since 2026-11-29 12:00:00 UTC"),
        (under_contract(probe_is_missing=True, probe_sent_at=None), "probe_failing", "none was ever sent"),
        (under_contract(p95_seconds=400.0), "counted_late", "took up to 400 s"),
        (under_contract(rejected=10), "spans_rejected", "10 in the last minutes: bad_id"),
        (SOUND._replace(prices_checked=date(2026, 7, 1)), "prices_old", "151 days ago"),
        (SOUND._replace(disk=Disk(10**9, 100 * 10**9)), "disk_filling", "1% of it is free"),
        (
            SOUND._replace(
                state=STATE._replace(growth={"database_bytes": 10**9, "bytes_per_day": 10**10})
            ),
            "disk_filling",
            "full in 5 days",
        ),
    ],
)  # fmt: skip
def test_each_trouble_is_found_with_its_cause_and_told_how_bad_it_is(
    facts: Facts, cause: str, words: str
) -> None:
    found = [finding for finding in findings(facts) if finding.cause == cause]
    assert len(found) == 1
    assert re.search(words, found[0].detail)


def test_the_critical_come_first() -> None:
    facts = SOUND._replace(prices_checked=date(2026, 1, 1), processes=[])
    assert [finding.cause for finding in findings(facts)] == ["no_worker", "prices_old"]


def test_a_backfill_is_no_late_sender_and_a_doubtful_clock_none_that_differs() -> None:
    old = SOUND._replace(clocks=[SenderClock("history", 8 * 86_400.0)])
    slow = SOUND._replace(state=STATE._replace(ahead_seconds=4.0, doubt_seconds=2.5))
    assert findings(old) == findings(slow) == []


def test_without_growth_no_day_is_named() -> None:
    still = STATE._replace(growth={"database_bytes": 1, "bytes_per_day": -5.0})
    assert days_left(still, SOUND.disk) is None
    assert days_left(STATE, None) is None
    assert days_left(STATE, SOUND.disk) == 50_000


def test_every_cause_is_documented_with_its_remedy() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    for name, cause in CAUSES.items():
        assert rows[name] == f"{cause.title} ({cause.severity}) | {cause.remedy}"


def test_findings_of_several_are_told_apart_by_their_subject() -> None:
    facts = SOUND._replace(clocks=[SenderClock("a", -5), SenderClock("b", -6)])
    assert findings(facts) == [
        Finding("sender_clock", "a: 5 s ahead", "a"),
        Finding("sender_clock", "b: 6 s ahead", "b"),
    ]
