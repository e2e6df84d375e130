"""Whose a change is: one combination, whatever number of drivers it has."""

from __future__ import annotations

from typing import Final

from operations.compare.model import Comparison, Focus

_MOST: Final = 0.5
"""The part of a change that makes one tenant of a new version its cause, and not the version."""


def cause_of(answer: Comparison) -> dict[str, str]:
    """What the drivers of a change have in common: one version that every tenant uses is one cause.

    Where the class has a subject (the version, the tenant), only drivers with it are looked at; where they
    make less than half of the change, or none has it, the subject itself is the cause. `genai.alert_story`
    decides likewise for the link of an alert.

    Returns:
        Dimension → value, as filters of `compare`; empty where nothing stands out.
    """
    spike = answer.spike
    named: dict[str, str] = dict((spike.evidence.get("focus") if spike else None) or {})
    about = [each for each in answer.drivers if spike and spike.subject in each.focus.values()]
    if named and sum(each.share_of_change or 0 for each in about) < _MOST:
        return named
    found = [each.focus for each in about or answer.drivers[:1]]
    shared = {
        name: value
        for name, value in (found[0] if found else {}).items()
        if all(each.get(name) == value for each in found)
    }
    return shared or (found[0] if found else {})


def unlisted_cause(answer: Comparison, asked: Focus) -> dict[str, str]:
    """The cause of a change where no driver is just it, and more was asked for than it; else empty."""
    cause = cause_of(answer)
    is_asked = cause.items() <= asked._asdict().items()
    return {} if is_asked or any(each.focus == cause for each in answer.drivers) else cause


def name_of(cause: dict[str, str]) -> str | None:
    """What a combination is called, as drivers are: `support.answer · answer_v8`; None for no combination."""
    return " · ".join(cause.values()) or None
