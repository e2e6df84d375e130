"""The service adds what it acknowledged to the sums; where it dies, another one does."""

from __future__ import annotations

import pytest

from tests.patience import until
from tests.running import RunningService
from tests.service.test_serve import REPORT, post, rows

pytestmark = pytest.mark.postgres

SUMMED = "SELECT coalesce(sum(calls), 0)::int FROM genai.usage_hour"
HOLDER = "SELECT split_part(holder, ':', 2)::int FROM _genai.lease WHERE job = 'folding'"


def test_a_service_that_folds_is_replaced_when_it_is_killed(migrated_database: str) -> None:
    with RunningService(migrated_database) as one, RunningService(migrated_database) as two:
        assert post(one.http, {**REPORT, "externalRequestId": "first"})[0] == 200
        until(lambda: rows(migrated_database, SUMMED) == [(1,)], "the sum of the first call")
        ((pid,),) = rows(migrated_database, HOLDER)
        dead, alive = (one, two) if pid == one.pid else (two, one)
        dead.kill()
        assert post(alive.http, {**REPORT, "externalRequestId": "second"})[0] == 200
        until(lambda: rows(migrated_database, SUMMED) == [(2,)], "the sum of the second call")
        assert rows(migrated_database, HOLDER) == [(alive.pid,)]


def test_what_was_acknowledged_is_in_the_sums_when_the_service_has_stopped(
    migrated_database: str,
) -> None:
    with RunningService(migrated_database) as service:
        for number in range(5):
            assert post(service.http, {**REPORT, "externalRequestId": f"r{number}"})[0] == 200
        assert service.stop() == 0
    assert rows(migrated_database, SUMMED) == [(5,)]
    assert rows(migrated_database, "SELECT waiting_calls::int FROM genai.sums_to") == [(0,)]
