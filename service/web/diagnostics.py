"""`/diagnostics`: what is wrong and everything that helps to see why, as JSON and as a page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from operations import query as ledger
from operations.diagnosis.database import State
from operations.diagnosis.findings import CAUSES, Disk, SenderClock, days_left
from operations.web.parameters import Links
from operations.web.render import Service, render
from service import metrics
from service.tally import described
from service.version import version
from service.watch import Report, Trouble, Watch
from service.worker_status import Restarts, WorkerState, instant_text

if TYPE_CHECKING:
    from service.web.ops import Status

_FORECAST_DAYS = 30
_ERRORS_SHOWN = 20


def diagnostics(status: Status, watch: Watch, fault: str | None, as_page: bool) -> Response:
    """The state of this moment.

    Args:
        fault: why the service is not ready; None when it is.
    """
    shown = report_json(status, watch, fault)
    if not as_page:
        return JSONResponse(shown)
    service = Service(version(), fault, status.endpoints, grafana=status.grafana_url.rstrip("/"))
    page = render(
        "diagnosis/page.html", service=service, links=Links("./"), shown=shown, now=datetime.now(UTC),
        refresh=10,
    )  # fmt: skip
    return HTMLResponse(page)


def report_json(status: Status, watch: Watch, fault: str | None) -> dict[str, Any]:
    """All of it in public names."""
    report = watch.look()
    found = status.workers()
    workers = [_worker(worker, report.restarts.get(worker.number, Restarts())) for worker in found]
    troubles = [trouble for worker in found for trouble in worker.troubles]
    return {
        "name": "spanledger",
        "version": version(),
        "fault": fault,
        "started": instant_text(status.started),
        "troubles": [trouble_json(trouble) for trouble in report.troubles],
        "pastTroubles": [trouble_json(trouble) for trouble in watch.past],
        "workers": workers,
        "deadWorkers": _dead(report, {worker.number for worker in found}),
        "waitingRequests": sum(worker.waiting_requests for worker in found),
        "waitingBytes": sum(worker.waiting_bytes for worker in found),
        "oldestWaitSeconds": max((round(worker.oldest_wait_seconds, 3) for worker in found), default=0.0),
        "lastCommit": _instant(max((worker.last_commit or 0.0 for worker in found), default=0.0)),
        "counters": counters(),
        "senderProblems": [described(problem, status.endpoints) for problem in status.problems()],
        "senderClocks": [_clock(clock) for clock in report.facts.clocks],
        "freshness": ledger.call_json(report.facts.state.lag) if report.facts.state else {},
        "contract": ledger.call_json(report.facts.state.contract) if report.facts.state else {},
        "database": _database(report),
        "prices": status.prices(),
        "settings": status.settings,
        "lastErrors": sorted(troubles, key=lambda trouble: trouble["time"], reverse=True)[:_ERRORS_SHOWN],
    }


def trouble_json(trouble: Trouble) -> dict[str, object]:
    """A trouble with the words of its cause."""
    cause = CAUSES[trouble.cause]
    return {
        "cause": trouble.cause,
        "title": cause.title,
        "severity": cause.severity,
        "detail": trouble.detail,
        "remedy": cause.remedy,
        "runbook": f"/runbooks#{cause.runbook}",
        "since": instant_text(trouble.since),
        "until": None if trouble.until is None else instant_text(trouble.until),
    }


def counters() -> dict[str, Any]:
    """Counters since the start, summed over workers."""
    return {
        "spans": metrics.totals("spanledger_spans").get("", 0),
        "calls": metrics.totals("spanledger_calls", "outcome"),
        "notCounted": metrics.totals("spanledger_sightings").get("", 0),
        "rejected": metrics.totals("spanledger_rejections", "reason"),
        "retryLater": metrics.totals("spanledger_refusals", "reason"),
        "priceStatus": metrics.totals("spanledger_price_status", "status"),
        "ignored": metrics.totals("spanledger_ignored", "signal"),
        "faults": metrics.totals("spanledger_faults", "error"),
    }


def _worker(worker: WorkerState, ended: Restarts) -> dict[str, object]:
    shown = worker._asdict()
    for name in ("troubles", "sender_delays"):
        del shown[name]
    shown["last_commit"] = _instant(worker.last_commit or 0.0)
    shown["silent_seconds"] = round(time.time() - worker.heartbeat, 1)
    shown["oldest_wait_seconds"] = round(worker.oldest_wait_seconds, 3)
    return ledger.call_json(shown | _ended(ended))


def _dead(report: Report, alive: set[int]) -> list[dict[str, object]]:
    """Workers that ended, while the next one in their place has not reported yet."""
    return [
        ledger.call_json({"number": number, **_ended(ended)})
        for number, ended in sorted(report.restarts.items())
        if number not in alive
    ]


def _ended(ended: Restarts) -> dict[str, object]:
    return {
        "restarts": ended.total,
        "recent_restarts": ended.recent,
        "last_end": ended.last_end or None,
        "last_end_at": _instant(ended.last_at),
    }


def _instant(seconds: float) -> str | None:
    return instant_text(seconds) if seconds else None


def _clock(clock: SenderClock) -> dict[str, object]:
    return {"serviceName": clock.service, "leastDelaySeconds": round(clock.least_delay_seconds, 3)}


def _database(report: Report) -> dict[str, object]:
    probe, state = report.facts.probe, report.facts.state
    asked: dict[str, object] = {
        "fault": probe.fault.detail if probe.fault else None,
        "commitMs": _ms(probe.commit_seconds),
        "readMs": _ms(probe.read_seconds),
    }
    return asked if state is None else asked | _state(state, report.facts.disk)


def _state(state: State, disk: Disk | None) -> dict[str, object]:
    return {
        "server": state.server,
        "clockAheadSeconds": round(state.ahead_seconds, 3),
        "clockDoubtSeconds": round(state.doubt_seconds, 3),
        "size": _size(state, disk),
        "tables": [ledger.call_json(row) for row in state.tables],
        "jobs": [ledger.call_json(row) for row in state.jobs],
        "tasks": [ledger.call_json(row) for row in state.tasks],
        "unboundArrivals": state.waiting["unbound"],
        "rollupDifferences": state.waiting["rollup_differences"],
    }


def _size(state: State, disk: Disk | None) -> Mapping[str, object]:
    """What it has, and will have at most if it goes on as in the last week: retention ends growth."""
    now, per_day = state.growth["database_bytes"], state.growth["bytes_per_day"]
    days = days_left(state, disk)
    return {
        "bytes": now,
        "bytesPerDay": None if per_day is None else round(per_day),
        "bytesIn30Days": None if per_day is None else round(now + max(0.0, per_day) * _FORECAST_DAYS),
        "diskFreeBytes": disk.free_bytes if disk else None,
        "diskTotalBytes": disk.total_bytes if disk else None,
        "diskFullInDays": None if days is None else round(days),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
