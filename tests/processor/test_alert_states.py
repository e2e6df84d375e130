"""The states of an alert: hysteresis, pending, recovery and series that vanish, as Grafana has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.alerting.catalogue import BY_ID
from processor.alerting.states import Instance, Labels, State, Turn, advance
from tests.sizes import examples

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = BY_ID["cost_drift_endpoint"]._replace(pending=5 * MINUTE, keep_firing=10 * MINUTE)
KEY: Labels = (("endpoint", "checkout"),)


def play(scores: list[float | None]) -> tuple[list[State], list[Turn]]:
    """One instance minute by minute; None is an answer without it."""
    instances: dict[Labels, Instance] = {}
    states, turns = [], []
    for minute, score in enumerate(scores):
        answer = {} if score is None else {KEY: score}
        instances, told = advance(instances, answer, RULE, START + minute * MINUTE, MINUTE)
        states.append(instances[KEY].state if KEY in instances else State.NORMAL)
        turns += told
    return states, turns


def test_it_fires_once_the_breach_has_lasted() -> None:
    states, turns = play([0.2, 1.0, 1.2, 1.2, 1.2, 1.2, 1.2])
    assert states == [State.NORMAL, *[State.PENDING] * 5, State.FIRING]
    assert turns == [Turn(KEY, START + 6 * MINUTE, None)]


def test_a_score_between_the_thresholds_neither_fires_nor_resolves() -> None:
    assert play([0.9] * 8)[0] == [State.NORMAL] * 8
    assert play([1.0] + [0.85] * 20)[0][-1] is State.FIRING


def test_a_breach_that_ends_while_pending_is_never_told() -> None:
    states, turns = play([1.5, 1.5, 0.7, 0.7])
    assert states[2] is State.NORMAL
    assert turns == []


def test_it_resolves_after_it_has_kept_firing() -> None:
    states, turns = play([1.1] * 6 + [0.1] * 11)
    assert states[5] is State.FIRING
    assert states[6:16] == [State.RECOVERING] * 10
    assert turns == [Turn(KEY, START + 5 * MINUTE, None), Turn(KEY, START + 5 * MINUTE, START + 16 * MINUTE)]


def test_a_breach_during_recovery_goes_on_as_the_same_alert() -> None:
    states, turns = play([1.1] * 6 + [0.1, 0.9, 1.1])
    assert states[6:] == [State.RECOVERING, State.RECOVERING, State.FIRING]
    assert turns == [Turn(KEY, START + 5 * MINUTE, None)]


def test_an_instance_that_vanishes_resolves_after_three_evaluations() -> None:
    states, turns = play([1.1] * 6 + [None] * 4)
    assert states[6:] == [State.FIRING, State.FIRING, State.NORMAL, State.NORMAL]
    assert turns[-1] == Turn(KEY, START + 5 * MINUTE, START + 8 * MINUTE)


@given(st.lists(st.one_of(st.none(), st.floats(0, 2)), max_size=60))
@settings(max_examples=examples(200))
def test_firing_and_resolving_alternate(scores: list[float | None]) -> None:
    states, turns = play(scores)
    assert [turn.ended is None for turn in turns] == [n % 2 == 0 for n in range(len(turns))]
    assert states == [] or states[-1].is_told == bool(turns and turns[-1].ended is None)
