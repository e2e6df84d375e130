"""The counters that several workers share in files."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from service import metrics


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(metrics.FILES_VARIABLE, str(tmp_path))
    for pid, value in ((11, 3.0), (12, 4.0)):
        counts = MmapedDict(str(tmp_path / f"counter_{pid}.db"))
        counts.write_value(
            mmap_key("spanledger_spans", "spanledger_spans_total", [], [], "Spans."), value, 0.0
        )
        counts.close()
    return tmp_path


def test_counters_are_summed_over_workers(shared: Path) -> None:
    assert metrics.totals("spanledger_spans") == {"": 7}
    assert b"spanledger_spans_total 7.0\n" in metrics.exposition()


def test_a_file_of_a_worker_that_just_started_or_died_at_its_birth_hides_no_count(shared: Path) -> None:
    (shared / "counter_13.db").touch()
    assert metrics.totals("spanledger_spans") == {"": 7}
    assert b"spanledger_spans_total 7.0\n" in metrics.exposition()
