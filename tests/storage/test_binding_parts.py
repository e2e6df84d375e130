"""Real traces that came in several requests: in any order they end up as if they had come in one."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from tests.receiver.captures import IN_PARTS, Capture
from tests.storage.late import Late, late_ledger

NOW_MINUTE = 88_000
"""The captures are from November 2026; receipts are counted in minutes from T0."""
COLUMNS = (
    "model", "provider", "operation", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_tokens", "reasoning_tokens", "usage_source", "cost_pico_usd", "status", "streaming",
    "latency_ms", "response_id", "endpoint_tag", "prompt_version", "tenant_id", "user_id", "environment",
    "service_name", "flags",
)  # fmt: skip


def state(late: Late) -> list[tuple[Any, ...]]:
    return sorted(late.calls(*COLUMNS), key=str)


@pytest.mark.parametrize("capture", IN_PARTS, ids=lambda capture: capture.name)
def test_parts_in_any_order_end_up_as_the_whole(
    capture: Capture, migrated_database: str, server_kind: str
) -> None:
    from tests import servers
    from tests.conftest import apply_migrations

    with late_ledger(migrated_database) as late:
        late.send_body(capture.body, NOW_MINUTE)
        late.bind(NOW_MINUTE + 40)
        whole = state(late)
    assert whole
    for order in permutations(range(len(capture.parts))):
        with (
            servers.fresh_database(server_kind, "migrated", apply_migrations) as dsn,
            late_ledger(dsn) as late,
        ):
            for step, index in enumerate(order):
                late.send_body(capture.parts[index], NOW_MINUTE + 2 * step, receiver=step % 2)
                late.bind(NOW_MINUTE + 2 * step)
            late.bind(NOW_MINUTE + 60)
            assert state(late) == whole, order
