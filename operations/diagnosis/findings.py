"""What is wrong with a running service, judged from its facts: each finding has a cause and a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, Literal, NamedTuple

from operations.diagnosis.database import Probe, Row, State

Severity = Literal["critical", "warning"]


class Cause(NamedTuple):
    """A kind of trouble.

    Attributes:
        remedy: for the person who operates the service.
        runbook: the section of docs/runbooks.md.
    """

    title: str
    severity: Severity
    remedy: str
    runbook: str


class Finding(NamedTuple):
    """One trouble, now.

    Attributes:
        detail: how bad it is, in words.
        subject: whose it is, where several may have it.
    """

    cause: str
    detail: str
    subject: str = ""


class Process(NamedTuple):
    """One worker as its supervisor sees it.

    Attributes:
        silent_seconds: since its last sign of life; one comes every second.
        restarts: since this service started.
        recent_ends: times it ended unexpectedly within the last minutes.
        last_end: how it ended last, such as `signal SIGKILL`.
        oldest_wait_seconds: how long the oldest request has waited for its commit; 0 when none waits.
    """

    name: str
    is_running: bool
    silent_seconds: float
    restarts: int = 0
    recent_ends: int = 0
    last_end: str = ""
    oldest_wait_seconds: float = 0.0


class SenderClock(NamedTuple):
    """The clock of a service against ours: its calls ended at least this long before they arrived."""

    service: str
    least_delay_seconds: float


class Disk(NamedTuple):
    """Room where the database is, in bytes; known when it is the embedded one."""

    free_bytes: int
    total_bytes: int


class Facts(NamedTuple):
    """What is judged. `state` is None while the database does not answer."""

    processes: Sequence[Process]
    probe: Probe
    state: State | None
    clocks: Sequence[SenderClock]
    disk: Disk | None
    prices_checked: date | None
    today: date


CAUSES: Final[dict[str, Cause]] = {
    "database_away": Cause(
        "The database does not answer", "critical",
        "See that it runs and that this machine reaches it (`spanledger check`). Senders are told to "
        "retry; nothing that was acknowledged is lost.",
        "database-away",
    ),
    "database_cannot_commit": Cause(
        "The database cannot commit", "critical",
        "Look for a full disk, a read-only standby or missing rights in its log. Senders are told to retry.",
        "database-away",
    ),
    "summaries_unreadable": Cause(
        "Summaries cannot be read", "critical",
        "Calls are counted, dashboards fail. Run `spanledger migrate`, which puts views and rights back.",
        "sums-behind",
    ),
    "no_worker": Cause(
        "No worker takes calls", "critical",
        "The log says why workers end. Senders cannot connect, and retry.",
        "workers",
    ),
    "worker_crash_loop": Cause(
        "A worker keeps ending", "critical",
        "The log has its last lines. Ended by SIGKILL: look for the kernel's memory killer.",
        "workers",
    ),
    "worker_silent": Cause(
        "A worker gives no sign of life", "critical",
        "It is frozen or starved of CPU. End it with SIGKILL; another one takes its place.",
        "workers",
    ),
    "queue_waits": Cause(
        "Requests wait long for their commit", "warning",
        "The database is slow, or more arrives than it can book: look for locks and for its disk; add "
        "`database.writers` or workers.",
        "back-pressure",
    ),
    "database_slow": Cause(
        "The database is slow", "warning",
        "Look for long transactions (`pg_stat_activity`), vacuum and its disk.",
        "database-slow",
    ),
    "counted_late": Cause(
        "Calls become visible late", "warning",
        "A receiver holds calls that it could not commit (see `/diagnostics` of each), or no process adds "
        "them to the summaries: `SELECT * FROM genai.sums_to`.",
        "sums-behind",
    ),
    "spans_rejected": Cause(
        "Spans are rejected for good", "warning",
        "An instrumentation may have changed: `/service` names the sender and what to change; "
        "`SELECT * FROM genai.quarantine` names each span.",
        "partial-drops",
    ),
    "probe_failing": Cause(
        "The probe does not come through", "critical",
        "`spanledger probe` sends one now and says which stage fails: receiver, sums, price or Grafana.",
        "freshness",
    ),
    "task_failing": Cause(
        "Periodic maintenance fails", "warning", "The log of the service that runs it has the whole error.",
        "sums-behind",
    ),
    "sums_differ": Cause(
        "Sums differ from their calls", "critical", "`spanledger verify` names the hours. Please report it.",
        "rollup-mismatch",
    ),
    "database_clock": Cause(
        "The database's clock differs from the service's", "warning",
        "Synchronise both machines (NTP). Retention and `now()` in views follow the database's clock.",
        "clocks",
    ),
    "sender_clock": Cause(
        "A sender's clock is ahead", "warning",
        "Synchronise its machine (NTP): its calls stand in later minutes than they happened in.",
        "clocks",
    ),
    "late_sender": Cause(
        "A sender delivers late", "warning",
        "Its exporter waits, retries or stands behind a queue; or its clock is behind (NTP).",
        "sender-lag",
    ),
    "prices_old": Cause(
        "The price list is old", "warning", "Install the newest version: prices are a reviewed part of it.",
        "prices-old",
    ),
    "disk_filling": Cause(
        "The database's disk is filling up", "critical",
        "Add room, or keep single calls for less long (`retention.raw`).",
        "disk-filling",
    ),
}  # fmt: skip

SILENT_SECONDS: Final = 10.0
CRASH_LOOP_ENDS: Final = 3
"""Ends within the minutes that the supervisor remembers."""
_WAIT_SECONDS: Final = 5.0
_SLOW_SECONDS: Final = 1.0
_BEHIND_SECONDS: Final = 5.0
_REJECTED: Final = 10
"""Of the minutes of the contract; one broken span now and then is the sender's own affair."""
_CLOCK_SECONDS: Final = 2.0
_LATE_SECONDS: Final = 300.0
_BACKFILL_SECONDS: Final = 6 * 3600.0
"""Who sends nothing but older calls fills a gap on purpose."""
_PRICES_DAYS: Final = 90
_DISK_DAYS: Final = 14
_DISK_SHARE: Final = 0.1


def findings(facts: Facts) -> list[Finding]:
    """Everything that is wrong, the critical first."""
    found = [*_processes(facts.processes), *_probed(facts.probe), *_senders(facts.clocks), *_prices(facts)]
    if facts.state is not None:
        found += [*_database(facts.state), *_disk(facts.state, facts.disk)]
    return sorted(found, key=lambda finding: CAUSES[finding.cause].severity)


def _processes(processes: Sequence[Process]) -> Iterator[Finding]:
    if not any(each.is_running and each.silent_seconds < SILENT_SECONDS for each in processes):
        yield Finding("no_worker", "no worker is running")
    for each in processes:
        if each.recent_ends >= CRASH_LOOP_ENDS:
            yield Finding(
                "worker_crash_loop",
                f"{each.name} ended {each.recent_ends} times in five minutes, last with {each.last_end}",
                each.name,
            )
        if each.is_running and each.silent_seconds >= SILENT_SECONDS:
            yield Finding(
                "worker_silent", f"{each.name} has been silent for {each.silent_seconds:.0f} s", each.name
            )
        if each.oldest_wait_seconds >= _WAIT_SECONDS:
            yield Finding(
                "queue_waits",
                f"{each.name}: the oldest request waits for {each.oldest_wait_seconds:.0f} s",
                each.name,
            )


def _probed(probe: Probe) -> Iterator[Finding]:
    if probe.fault is not None:
        yield Finding(*probe.fault)
    for what, seconds in (("a commit", probe.commit_seconds), ("reading sums", probe.read_seconds)):
        if seconds is not None and seconds >= _SLOW_SECONDS:
            yield Finding("database_slow", f"{what} took {seconds:.1f} s", what)


def _senders(clocks: Sequence[SenderClock]) -> Iterator[Finding]:
    for clock in clocks:
        if clock.least_delay_seconds <= -_CLOCK_SECONDS:
            yield Finding(
                "sender_clock", f"{clock.service}: {-clock.least_delay_seconds:.0f} s ahead", clock.service
            )
        elif _LATE_SECONDS <= clock.least_delay_seconds < _BACKFILL_SECONDS:
            late = f"no call came within {clock.least_delay_seconds:.0f} s of its end"
            yield Finding("late_sender", f"{clock.service}: {late}", clock.service)


def _prices(facts: Facts) -> Iterator[Finding]:
    checked = facts.prices_checked
    if checked is not None and (facts.today - checked).days > _PRICES_DAYS:
        yield Finding("prices_old", f"last checked {checked}, {(facts.today - checked).days} days ago")


def _database(state: State) -> Iterator[Finding]:
    if abs(state.ahead_seconds) - state.doubt_seconds >= _CLOCK_SECONDS:
        side = "ahead of" if state.ahead_seconds > 0 else "behind"
        yield Finding("database_clock", f"{abs(state.ahead_seconds):.1f} s {side} the service's")
    if (state.lag["behind_seconds"] or 0) >= _BEHIND_SECONDS:
        yield Finding(
            "counted_late", f"what was received is counted up to {state.lag['behind_seconds']:.0f} s ago only"
        )
    yield from _contract(state.contract)
    for task in state.tasks:
        if task["error"] is not None:
            yield Finding("task_failing", f"{task['task']}: {task['error']}", task["task"])
        elif task["is_overdue"]:
            last = task["done_at"] or task["failed_at"]
            yield Finding(
                "task_failing", f"{task['task']}: not done since {last:%Y-%m-%d %H:%M} UTC", task["task"]
            )
    if state.waiting["rollup_differences"]:
        yield Finding("sums_differ", f"{state.waiting['rollup_differences']} buckets")


def _contract(contract: Row) -> Iterator[Finding]:
    """What the probe and the calls say of how soon they are visible."""
    if contract["probe_failure"]:
        yield Finding("probe_failing", f"{contract['probe_failure']}: {contract['probe_detail']}")
    elif contract["probe_is_missing"]:
        last = contract["probe_sent_at"]
        since = f"none since {last:%Y-%m-%d %H:%M:%S} UTC" if last else "none was ever sent"
        yield Finding("probe_failing", since)
    if contract["p95_seconds"] > contract["objective_seconds"]:
        late = f"95 of 100 calls of the last minutes took up to {contract['p95_seconds']:.0f} s"
        yield Finding("counted_late", late, "p95")
    if contract["rejected"] >= _REJECTED:
        reasons = ", ".join(contract["rejected_because"])
        yield Finding("spans_rejected", f"{contract['rejected']} in the last minutes: {reasons}")


def _disk(state: State, disk: Disk | None) -> Iterator[Finding]:
    if disk is None:
        return
    days = days_left(state, disk)
    if disk.free_bytes < _DISK_SHARE * disk.total_bytes:
        yield Finding("disk_filling", f"{disk.free_bytes / disk.total_bytes:.0%} of it is free")
    elif days is not None and days < _DISK_DAYS:
        yield Finding("disk_filling", f"full in {days:.0f} days at the present growth")


def days_left(state: State, disk: Disk | None) -> float | None:
    """Until the disk is full at the growth of the last week; None where unknown, or where nothing grows."""
    per_day = state.growth["bytes_per_day"]
    return disk.free_bytes / per_day if disk is not None and per_day and per_day > 0 else None
