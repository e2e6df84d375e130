"""The inbox keeps one episode per firing, whatever comes twice, late, together or in the wrong order."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.inbox.receive import Received, receive, rows
from tests.operations.alert_documents import START, WINDOW, alert, button_alert, grafana, later
from tests.sizes import examples

EPISODE = """SELECT fingerprint, starts_at, ended_at, has_fired, deliveries, window_from, window_to, score,
    state FROM _genai.alert_episode ORDER BY fingerprint, starts_at"""


@pytest.fixture
def connection(migrated_database: str) -> Any:
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as found:
        yield found


def tell(connection: psycopg.Connection[Any], *alerts: dict[str, Any], minutes: float = 0) -> Received:
    return receive(connection, grafana(*alerts), now=later(minutes))


def episodes(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(EPISODE).fetchall()


def test_the_same_delivery_again_is_the_same_episode_and_flagged(
    connection: psycopg.Connection[Any],
) -> None:
    (first,) = tell(connection, alert()).deliveries
    (again,) = tell(connection, alert(), minutes=240).deliveries

    assert (first.is_new, first.needs_attention) == (True, True)
    assert (again.episode_id, again.is_new, again.dedupe_applied) == (first.episode_id, False, True)
    assert not again.needs_attention
    assert [row[4] for row in episodes(connection)] == [2]


def test_the_window_of_the_first_firing_stays(connection: psycopg.Connection[Any]) -> None:
    moved = alert()
    moved["values"] |= {"WFROM": moved["values"]["WFROM"] + 3_600_000, "SCORE": 9.0}
    moved["values"]["WTO"] += 3_600_000

    tell(connection, alert())
    tell(connection, moved, minutes=60)

    (row,) = episodes(connection)
    assert (row[5], row[6], row[7]) == (*WINDOW, 1.62)


@pytest.mark.parametrize("order", [1, -1])
def test_a_later_start_ends_the_firing_before_whose_end_never_came(
    connection: psycopg.Connection[Any], order: int
) -> None:
    """Grafana, restarted while an alert recovers, tells it with another start and forgets the first."""
    told = [alert(), alert(starts_at=later(20)), alert(fingerprint="another")]
    for each in told[::order]:
        tell(connection, each, minutes=21)

    first, again, other = episodes(connection)
    assert (first[2], first[8]) == (again[1], "resolved")
    assert (again[2], again[8]) == (other[2], other[8]) == (None, "open")


def test_an_end_that_overtakes_its_firing_is_final_and_the_firing_brings_the_window(
    connection: psycopg.Connection[Any],
) -> None:
    end = alert(ended_at=later(30)) | {"values": None}
    tell(connection, end, minutes=31)
    tell(connection, alert(), minutes=32)

    (row,) = episodes(connection)
    assert (row[2], row[3], row[8]) == (later(30), True, "resolved")
    assert (row[5], row[6]) == WINDOW


def test_a_firing_told_long_after_its_end_fires_again(connection: psycopg.Connection[Any]) -> None:
    tell(connection, alert())
    tell(connection, alert(ended_at=later(10)), minutes=10)
    tell(connection, alert(), minutes=20)

    (row,) = episodes(connection)
    assert (row[2], row[8]) == (None, "open")


def test_another_start_is_another_episode(connection: psycopg.Connection[Any]) -> None:
    tell(connection, alert())
    tell(connection, alert(starts_at=later(60)), minutes=60)

    assert [row[1] for row in episodes(connection)] == [
        START + timedelta(microseconds=123456),
        later(60) + timedelta(microseconds=123456),
    ]


def test_a_topic_told_within_the_cooldown_is_flagged_and_a_higher_severity_passes(
    connection: psycopg.Connection[Any],
) -> None:
    budget = {"rule": "budget_warning", "scope": "tenant acme"}
    exceeded = {"rule": "budget_exceeded", "scope": "tenant acme", "severity": "critical"}
    told = [
        tell(connection, alert("01", **budget)),
        tell(connection, alert("02", later(2), **budget), minutes=2),
        tell(connection, alert("03", later(3), **exceeded), minutes=3),
        tell(connection, alert("04", later(4), **budget), minutes=4),
        tell(connection, alert("05", later(9), **budget), minutes=9),
    ]

    assert [each.deliveries[0].cooldown_applied for each in told] == [False, True, False, True, False]
    assert len(episodes(connection)) == 5
    kept = connection.execute("SELECT count(*) FROM genai.alert_delivery").fetchone()
    assert kept == (5,)


def test_two_alerts_of_one_topic_in_one_document_are_told_once(
    connection: psycopg.Connection[Any],
) -> None:
    told = tell(connection, alert("01"), alert("02"), alert("03", severity="critical"))

    assert [each.needs_attention for each in told.deliveries] == [True, False, True]


def test_a_test_alert_is_kept_as_a_test(connection: psycopg.Connection[Any]) -> None:
    (told,) = tell(connection, button_alert()).deliveries

    assert not told.needs_attention
    assert rows(connection, "known", org_ids=[1], fingerprints=["x"], starts=[START]) == []
    assert connection.execute("SELECT is_test FROM genai.alert_episode").fetchone() == (True,)


def test_a_thousand_alerts_in_one_document_are_all_kept(connection: psycopg.Connection[Any]) -> None:
    many = [alert(f"{number:016x}", endpoint=f"e{number}") for number in range(1000)]

    told = tell(connection, *many, *many[:10])

    assert len(told.deliveries) == 1010
    assert len(episodes(connection)) == 1000
    assert sum(each.dedupe_applied for each in told.deliveries) == 10


def test_an_unreadable_alert_is_kept_with_its_reason(connection: psycopg.Connection[Any]) -> None:
    told = tell(connection, alert() | {"startsAt": "yesterday"}, alert())

    assert len(told.deliveries) == 1
    query = "SELECT reason, detail FROM genai.quarantine"
    assert connection.execute(query).fetchall() == [
        ("alert_unreadable", "alert 0: startsAt is missing, or no time in RFC 3339")
    ]


def test_the_same_document_from_many_at_once_is_one_episode(migrated_database: str) -> None:
    def send() -> None:
        with psycopg.connect(migrated_database, autocommit=True) as one:
            receive(one, grafana(*(alert(f"{number:02}") for number in range(20))), now=START)

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    with psycopg.connect(migrated_database) as one:
        told = one.execute("SELECT count(*), min(deliveries), max(deliveries) FROM _genai.alert_episode")
        assert told.fetchone() == (20, 6, 6)
        attention = one.execute(
            "SELECT count(*) FROM genai.alert_delivery WHERE NOT dedupe_applied AND NOT cooldown_applied"
        )
        assert attention.fetchone() == (1,)  # one topic, six senders


def test_documents_wait_for_each_other_only_where_they_are_about_the_same(migrated_database: str) -> None:
    options = "-c timezone=UTC -c lock_timeout=300ms"
    large = [alert(f"l{number}", endpoint=f"e{number}") for number in range(60)]
    with (
        psycopg.connect(migrated_database, autocommit=True) as first,
        psycopg.connect(migrated_database, autocommit=True, options=options) as second,
        first.transaction(),
    ):
        tell(first, alert("01"))
        assert tell(second, alert("02", endpoint="search")).deliveries[0].needs_attention
        for waiting in ([alert("01", endpoint="search")], [alert("03")], large):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                tell(second, *waiting)


DELIVERIES = [
    alert("01"),
    alert("01", ended_at=later(3)),
    alert("02", endpoint="search"),
    alert("01", starts_at=later(2)),
]


@given(
    st.sampled_from(list(permutations(range(len(DELIVERIES))))),
    st.lists(st.integers(0, len(DELIVERIES) - 1), max_size=3),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_any_repetition_and_any_grouping_give_the_same_episodes(
    connection: psycopg.Connection[Any], order: Sequence[int], more: Sequence[int], cuts: Sequence[bool]
) -> None:
    def played(numbers: Sequence[int], grouped: Sequence[bool]) -> list[tuple[Any, ...]]:
        connection.execute("TRUNCATE _genai.alert_episode CASCADE")
        group: list[dict[str, Any]] = []
        for number, is_cut in zip(numbers, grouped, strict=False):
            group.append(DELIVERIES[number])
            if is_cut:
                tell(connection, *group, minutes=4)
                group = []
        tell(connection, *group, minutes=4)
        return [row[:4] + row[5:] for row in episodes(connection)]

    assert played([*order, *more], cuts) == played(range(len(DELIVERIES)), [True] * 4)
