"""A fault is in `/diagnostics` within ten seconds: added up from what is configured, not timed.

`/diagnostics` looks when it is asked, the watch every few seconds besides. What a busy machine adds is no
promise of ours; that each fault is found at all, in a running service, is in `test_diagnostics` and
`test_failure_modes`.
"""

from __future__ import annotations

import pytest

from operations.diagnosis.database import Probe
from operations.diagnosis.findings import Facts, Process, findings
from service.watch import LOOK_SECONDS, PATIENCE_SECONDS
from tests.operations.test_diagnosis import SOUND, STATE

PROMISED = 10.0
UNASKED = PROMISED - LOOK_SECONDS
"""How old a fault is at the first look after it that may be the only one within what is promised."""


def of_worker(silent: float = 0.0, waits: float = 0.0) -> Facts:
    return SOUND._replace(processes=[Process("worker 0", True, silent, oldest_wait_seconds=waits)])


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (of_worker(waits=UNASKED), "queue_waits"),
        (SOUND._replace(state=STATE._replace(lag={"behind_seconds": UNASKED})), "counted_late"),
        (SOUND._replace(probe=Probe(None, PATIENCE_SECONDS, 0.02)), "database_slow"),
        (SOUND._replace(probe=Probe(None, 0.004, PATIENCE_SECONDS)), "database_slow"),
        (of_worker(silent=PROMISED), "worker_silent"),
        (of_worker(silent=PROMISED), "no_worker"),
    ],
)
def test_a_fault_that_grows_is_one_in_time(facts: Facts, cause: str) -> None:
    """A frozen worker counts from its last sign of life, and is told to whoever asks."""
    assert cause in {finding.cause for finding in findings(facts)}


def test_a_database_that_hangs_holds_no_look_longer() -> None:
    """The watch asks it for a probe, then for its state, and waits for neither without end."""
    assert LOOK_SECONDS + PATIENCE_SECONDS <= PROMISED, "unasked, by the first question"
    assert 2 * PATIENCE_SECONDS <= PROMISED, "asked, by both"
