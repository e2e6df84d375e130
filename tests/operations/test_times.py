"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.times import baseline, duration, instant, window

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(8000, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW),
        ("today", datetime(2026, 5, 4, tzinfo=UTC)),
        ("Yesterday", datetime(2026, 5, 3, tzinfo=UTC)),
        ("now-6h", NOW - timedelta(hours=6)),
        ("2026-05-04", datetime(2026, 5, 4, tzinfo=UTC)),
        ("2026-05-04T12:00", datetime(2026, 5, 4, 12, tzinfo=UTC)),
        ("2026-05-04 12:00:30", datetime(2026, 5, 4, 12, 0, 30, tzinfo=UTC)),
        ("2026-05-04T12:00:00Z", datetime(2026, 5, 4, 12, tzinfo=UTC)),
        ("2026-05-04T12:00+02:00", datetime(2026, 5, 4, 10, tzinfo=UTC)),
        ("20260504T120000Z", datetime(2026, 5, 4, 12, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_in_utc(text: str, moment: datetime) -> None:
    assert instant(text, NOW) == moment


@given(MOMENTS)
def test_what_is_written_in_iso_is_read_back(moment: datetime) -> None:
    assert instant(moment.isoformat(), NOW) == moment


@pytest.mark.parametrize("text", ["", "tomorow", "now-", "now-6", "2026-13-01", "12:00", "9999-01-01", "1"])
def test_what_is_no_moment_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        instant(text, NOW)


@pytest.mark.parametrize("text", ["", "0h", "1w", "-1h", "24", "5000d", "9" * 40 + "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        duration(text)


def test_the_window_is_up_to_now_or_to_its_end() -> None:
    end = NOW - timedelta(days=2)
    assert window(None, None, None, NOW) == (NOW - timedelta(hours=24), NOW)
    assert window("1h", None, end, NOW) == (end - timedelta(hours=1), end)
    assert window(None, end, None, NOW) == (end, NOW)


@pytest.mark.parametrize(
    ("last", "start", "end", "why"),
    [
        ("1h", NOW - timedelta(hours=2), None, "--last and --from"),
        (None, NOW, NOW, "before it starts"),
        (None, NOW - timedelta(days=4000), NOW, "ten years"),
    ],
)
def test_a_window_that_contradicts_itself_is_refused(
    last: str | None, start: datetime, end: datetime | None, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        window(last, start, end, NOW)


def test_a_baseline_is_a_distance_or_a_window() -> None:
    assert baseline("168h", NOW) == "168h"
    assert baseline("2026-05-03..2026-05-04T12:00", NOW) == "2026-05-03T00:00:00Z..2026-05-04T12:00:00Z"
    assert baseline("yesterday..today", NOW) == "2026-05-03T00:00:00Z..2026-05-04T00:00:00Z"
