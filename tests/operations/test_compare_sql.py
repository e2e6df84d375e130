"""`genai.compare` against calls summed one by one and against the reference decomposition."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.operations import reference_decomposition as reference
from tests.operations.ledger import PRICED, UNPRICED, Call, fill

START = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)
"""A month end and the change to summer time in Europe: nothing may move by either."""
HOURS = 9
DIMENSIONS: dict[str, Callable[[Call], str]] = {
    "endpoint": lambda c: c.endpoint,
    "prompt_version": lambda c: c.prompt_version,
    "user": lambda c: c.user,
    "tenant": lambda c: c.tenant,
    "model": lambda c: c.model,
    "provider": lambda c: c.provider,
    "service": lambda c: c.service,
}
NASTY = [
    "o'brien",
    'say "hi"',
    "a,b",
    "%s",
    "$1",
    "{x}",
    "*x",
    "'; DROP TABLE x; --",
    "\\",
    "naïve ☃",
    " ",
    "NULL",
]


def random_call(rng: random.Random) -> Call:
    """Few values per dimension so that they meet; edges of buckets, zeros and missing figures on purpose."""
    second = rng.choice([0, 59, 60, 3599, 3600, rng.randrange(3600)]) + rng.randrange(HOURS) * 3600
    micros = rng.choice([0, 0, 1, 999_999])
    unpriced = rng.random() < 0.15
    model = rng.choice(["small", "large", "new"])
    costs = tuple(rng.choice([0, rng.randint(1, 7), rng.randint(1, 10**12)]) for _ in range(5))
    some: Callable[[], int | None] = lambda: rng.choice([None, 0, rng.randint(1, 5), rng.randint(1, 9_999)])  # noqa: E731
    return Call(
        time=START + timedelta(seconds=second, microseconds=micros),
        endpoint=rng.choice(["checkout", "search", "unknown", rng.choice(NASTY)]),
        prompt_version=rng.choice(["v1", "v2"]),
        provider=rng.choice(["openai", "anthropic"]),
        model="unpriced" if unpriced else model,
        user=rng.choice(["h:1", "h:2", "unknown"]),
        tenant=rng.choice(["acme", "unknown"]),
        service=rng.choice(["shop", "desk"]),
        environment=rng.choice(["prod", "prod", "staging"]),
        data_mode=rng.choice(["real", "real", "test"]),
        status=rng.choice(["success", "success", "error", "cancelled"]),
        requests=rng.choice([0, 1, 1]),
        input_tokens=some(), cache_read_tokens=some(), cache_write_tokens=some(), output_tokens=some(),
        costs=None if unpriced else costs,  # type: ignore[arg-type]
        price_status=UNPRICED if unpriced else PRICED,
        latency_ms=rng.choice([None, 50, 700, 90_000]),
    )  # fmt: skip


def random_moment(rng: random.Random) -> datetime:
    step = rng.choice(
        [timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1), timedelta(microseconds=1)]
    )
    return START + rng.randrange(timedelta(hours=HOURS) // step + 1) * step


def random_window(rng: random.Random) -> tuple[datetime, datetime]:
    first, last = sorted((random_moment(rng), random_moment(rng)))
    return (first, last) if first < last else (first, first + timedelta(minutes=7, seconds=1))


@pytest.fixture
def ledger(migrated_database: str) -> Iterator[tuple[psycopg.Connection[Any], list[Call]]]:
    """A random ledger, in a session whose time zone changes to summer time in the middle of it."""
    rng = random.Random(42)
    calls = [random_call(rng) for _ in range(1_500)]
    fill(migrated_database, calls)
    with psycopg.connect(migrated_database, row_factory=dict_row, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'Europe/Berlin'")
        yield connection, calls


def compare(
    connection: psycopg.Connection[Any], start: datetime, end: datetime, **options: object
) -> list[dict[str, Any]]:
    named = "".join(f", p_{name} => %({name})s" for name in options)
    query = f"SELECT * FROM genai.compare(%(start)s, %(end)s{named})"  # noqa: S608
    return connection.execute(query.encode(), {"start": start, "end": end, **options}).fetchall()


def pico(usd: Decimal) -> int:
    whole = usd.scaleb(12)
    assert whole == int(whole)
    return int(whole)


def window_of(
    calls: list[Call], start: datetime, end: datetime, segment: Callable[[Call], str]
) -> dict[str, Any]:
    """Calls of a window by segment, summed into cells by (provider, model)."""
    found: dict[str, dict[str, list[Call]]] = defaultdict(lambda: defaultdict(list))
    for call in calls:
        if start <= call.time < end:
            found[segment(call)][f"{call.provider}/{call.model}"].append(call)
    return {name: {key: cell_of(members) for key, members in cells.items()} for name, cells in found.items()}


def cell_of(calls: list[Call]) -> reference.Cell:
    read = sum(c.cache_read_tokens or 0 for c in calls)
    write = sum(c.cache_write_tokens or 0 for c in calls)
    return reference.Cell(
        requests=sum(c.requests for c in calls),
        calls=len(calls),
        unpriced=sum(c.price_status == UNPRICED for c in calls),
        tokens=(
            max(0, sum(c.input_tokens or 0 for c in calls) - read - write),
            read,
            write,
            sum(c.output_tokens or 0 for c in calls),
        ),
        costs=tuple(sum(c.costs[k] for c in calls if c.costs) for k in range(5)),  # type: ignore[arg-type]
    )


def terms_of(row: dict[str, Any]) -> reference.Terms:
    return reference.Terms(
        pico(row["volume_usd"]), pico(row["attempts_usd"]), pico(row["mix_usd"]),
        tuple(pico(row[f"{k}_tokens_usd"]) for k in reference.CLASSES),
        pico(row["price_usd"]), pico(row["new_usd"]), pico(row["gone_usd"]),
    )  # fmt: skip


def test_windows_and_terms_equal_a_computation_from_calls(
    ledger: tuple[psycopg.Connection[Any], list[Call]],
) -> None:
    connection, calls = ledger
    rng = random.Random(7)
    for _ in range(60):
        dimension, segment = rng.choice(list(DIMENSIONS.items()))
        (start, end), (before, until) = random_window(rng), random_window(rng)
        wanted = [c for c in calls if (c.environment, c.data_mode) == ("prod", "real")]
        options: dict[str, object] = {}
        if rng.random() < 0.5:
            name, of = rng.choice(list(DIMENSIONS.items()))
            options[name] = of(rng.choice(wanted))
            wanted = [c for c in wanted if of(c) == options[name]]
        rows = compare(
            connection,
            start,
            end,
            baseline=f"{before.isoformat()}..{until.isoformat()}",
            dimension=dimension,
            **options,
        )
        told = f"{dimension} {start}..{end} against {before}..{until} {options}"
        now, then = window_of(wanted, start, end, segment), window_of(wanted, before, until, segment)
        per_call = dimension in ("model", "provider") or bool({"model", "provider"} & options.keys())
        segments = {row["segment"]: row for row in rows if not row["is_total"]}
        assert segments.keys() == now.keys() | then.keys(), told
        for name, row in segments.items():
            expected = reference.decompose(then.get(name, {}), now.get(name, {}), per_call=per_call)
            assert terms_of(row) == expected, f"{told}: {name}"
            assert row["calls"] == sum(c.calls for c in now.get(name, {}).values()), told
            assert row["requests"] == sum(c.requests for c in now.get(name, {}).values()), told
            assert pico(row["cost_usd"]) == sum(c.cost for c in now.get(name, {}).values()), told
        check_total(rows)


def check_total(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    [total] = [row for row in rows if row["is_total"]]
    segments = [row for row in rows if not row["is_total"]]
    assert terms_of(total).total == pico(total["delta_usd"])
    for name in ("cost_usd", "delta_usd", "volume_usd", "price_usd", "calls", "errors", "wasted_usd"):
        assert total[name] == sum(row[name] for row in segments), name
