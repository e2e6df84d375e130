"""The states of an alert, as Grafana moves them (`ngalert/state/state.go`): pure, without a clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from processor.alerting.catalogue import Rule

FIRES_AT: Final = 1.0
RESOLVES_BELOW: Final = 0.8
MISSING_EVALUATIONS: Final = 3
"""An instance that a rule no longer returns resolves after this many evaluations."""

Labels = tuple[tuple[str, str], ...]
"""What tells instances of a rule apart: (name, value) in the order of their names."""


class State(StrEnum):
    """`RECOVERING` is quiet again, but still told as firing for the rule's `keep_firing`."""

    NORMAL = "normal"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"

    @property
    def is_told(self) -> bool:
        """Whether it is told as firing."""
        return self in (State.FIRING, State.RECOVERING)


class Instance(NamedTuple):
    """Where one combination stands.

    Attributes:
        since: when this state began.
        started: when it began to fire; None unless it is told as firing.
        seen: when the rule last returned it.
    """

    state: State
    since: datetime
    started: datetime | None
    seen: datetime


class Turn(NamedTuple):
    """An alert that began to fire, or resolved (then with its end)."""

    labels: Labels
    started: datetime
    ended: datetime | None


class Step(NamedTuple):
    """The instances after an evaluation that are not normal, and what is to be told."""

    instances: dict[Labels, Instance]
    turns: list[Turn]


def advance(
    before: Mapping[Labels, Instance],
    scores: Mapping[Labels, float],
    rule: Rule,
    now: datetime,
    interval: timedelta,
) -> Step:
    """Evaluate every instance once.

    Args:
        scores: what the rule returned; what it returned before and leaves out now is missing.
        interval: from one evaluation to the next.
    """
    after: dict[Labels, Instance] = {}
    turns: list[Turn] = []
    for labels in dict.fromkeys((*before, *scores)):
        old = before.get(labels)
        new = _scored(old, scores[labels], rule, now) if labels in scores else _missing(old, now, interval)
        turns += _turn(labels, old, new, now)
        if new.state is not State.NORMAL:
            after[labels] = new
    return Step(after, turns)


def _scored(old: Instance | None, score: float, rule: Rule, now: datetime) -> Instance:
    """What is pending or firing stays so until it is below `RESOLVES_BELOW`; all else needs `FIRES_AT`."""
    state = old.state if old else State.NORMAL
    is_loaded = state in (State.PENDING, State.FIRING)
    if score >= (RESOLVES_BELOW if is_loaded else FIRES_AT):
        return _breached(old, state, rule, now)
    return _quiet(old, state, rule, now)


def _breached(old: Instance | None, state: State, rule: Rule, now: datetime) -> Instance:
    if old is None or state is State.NORMAL:
        if rule.pending:
            return Instance(State.PENDING, now, None, now)
        return Instance(State.FIRING, now, now, now)
    if state is State.PENDING and now - old.since < rule.pending:
        return old._replace(seen=now)
    if state is State.FIRING:
        return old._replace(seen=now)
    return Instance(State.FIRING, now, old.started or now, now)


def _quiet(old: Instance | None, state: State, rule: Rule, now: datetime) -> Instance:
    if old is not None and state is State.FIRING and rule.keep_firing:
        return Instance(State.RECOVERING, now, old.started, now)
    if old is not None and state is State.RECOVERING and now - old.since < rule.keep_firing:
        return old._replace(seen=now)
    return Instance(State.NORMAL, now, None, now)


def _missing(old: Instance | None, now: datetime, interval: timedelta) -> Instance:
    if old is None or now - old.seen >= MISSING_EVALUATIONS * interval:
        return Instance(State.NORMAL, now, None, now)
    return old


def _turn(labels: Labels, old: Instance | None, new: Instance, now: datetime) -> list[Turn]:
    was_told = old is not None and old.state.is_told
    if new.state.is_told and not was_told:
        return [Turn(labels, new.started or now, None)]
    if was_told and not new.state.is_told:
        return [Turn(labels, (old.started if old else None) or now, now)]
    return []
