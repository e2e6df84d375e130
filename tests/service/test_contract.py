"""How often the freshness contract is judged."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.contract import judge_seconds


@pytest.mark.parametrize(("objective", "pause"), [(300, 5), (15, 5), (9, 3), (3, 1), (0.5, 1)])
def test_a_short_objective_is_judged_more_often(objective: float, pause: float) -> None:
    assert judge_seconds(timedelta(seconds=objective)) == pause
