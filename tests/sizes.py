"""How much the tests do: enough under `make check` and `make test`, everything under `make soak`."""

from __future__ import annotations

import os

import hypothesis
import pytest

FULL_SIZE = os.environ.get("SPANLEDGER_TEST_FULL_SIZE") == "1"
SPANS = 100_000 if FULL_SIZE else 4_000
KILLS = 20 if FULL_SIZE else 2
ROUNDS = 10 if FULL_SIZE else 4
"""How often two receivers get the same batch in the same moment."""

_SUITE_SHARE, _SUITE_LEAST = 5, 10
"""At full size properties are half of `make check`, and those with a database minutes of `make test`."""


only_in_soak = pytest.mark.skipif(not FULL_SIZE, reason="at full size only: make soak")
"""For what `make test` tries by a representative; `make soak` runs all of it."""


def examples(full: int, suite: int | None = None) -> int:
    """How many examples a property is tried with: `full` under `make soak`.

    Args:
        full: what the property is worth; at most 10 are all played in the suite as well.
        suite: the number in the suite, where a fifth of `full` is not the right one.
    """
    return full if FULL_SIZE else suite or min(full, max(_SUITE_LEAST, full // _SUITE_SHARE))


def use_hypothesis_profile() -> None:
    """The suite plays the same examples each time, so that a failure is of the change; soak draws anew.

    No example has a deadline: a busy machine is no fault.
    """
    hypothesis.settings.register_profile(
        "suite", max_examples=examples(100), deadline=None, derandomize=True, database=None
    )
    hypothesis.settings.register_profile("soak", deadline=None)
    hypothesis.settings.load_profile("soak" if FULL_SIZE else "suite")
