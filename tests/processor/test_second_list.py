"""The default prices against a second public list, as data: no list is right all the time."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from processor.calls.dates import midnight_ns
from processor.pricing.load import load_price_book

FIXTURES = Path(__file__).parents[1] / "fixtures" / "pricing"
Difference = tuple[str, str, int | None, int]
"""Model, class, our rate, theirs."""


def second_list() -> dict[str, Any]:
    """The second list: the models that both know."""
    read: dict[str, Any] = json.loads((FIXTURES / "second_list.json").read_text())
    return read


def differences() -> set[Difference]:
    """Where the lists disagree on the day the second one was taken."""
    listed, book = second_list(), load_price_book(None)
    day = midnight_ns(date.fromisoformat(listed["on"]))
    found: set[Difference] = set()
    for name, theirs in listed["prices"].items():
        provider, _, model = name.partition("/")
        vectors = book.lookup(provider, model, None, day)
        ours = vectors[0].rates.as_json() if vectors else {}
        found |= {
            (name, kind, ours.get(kind), rate) for kind, rate in theirs.items() if ours.get(kind) != rate
        }
    return found


def known() -> dict[Difference, str]:
    """The reviewed differences with their reasons."""
    entries = yaml.safe_load((FIXTURES / "known_differences.yaml").read_text())
    return {(e["model"], e["class"], e["ours"], e["theirs"]): e["reason"] for e in entries}


def test_every_difference_from_the_second_list_was_looked_at() -> None:
    assert differences() == known().keys()
    assert set(known().values()) <= {"silent", "moving", "undecided"}


def test_most_prices_of_the_models_people_use_agree() -> None:
    models = second_list()["prices"]
    assert {"openai/gpt-4o", "anthropic/claude-sonnet-4-5", "gcp.gemini/gemini-2.5-flash"} <= models.keys()
    differing = {model for model, *_ in differences()}
    assert len(models) > 150
    assert len(differing) < len(models) / 8
