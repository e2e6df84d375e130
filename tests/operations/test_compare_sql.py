"""`genai.compare` against calls summed one by one and against the reference decomposition."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from tests.operations import reference_decomposition as reference
from tests.operations.ledger import PRICED, UNPRICED, Call, fill
from tests.sizes import examples

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
Cells = dict[str, dict[str, reference.Cell]]
"""By segment, by model."""
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


STEPS = [timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1), timedelta(microseconds=1)]


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    """Moments on and beside the edges of buckets."""
    step = draw(st.sampled_from(STEPS))
    return START + draw(st.integers(0, timedelta(hours=HOURS) // step)) * step


WINDOWS = st.lists(moments(), min_size=2, max_size=2, unique=True).map(sorted)


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


def window_of(calls: list[Call], window: list[datetime], segment: Callable[[Call], str]) -> Cells:
    """Calls of a window by segment, summed into cells by (provider, model)."""
    found: dict[str, dict[str, list[Call]]] = defaultdict(lambda: defaultdict(list))
    for call in calls:
        if window[0] <= call.time < window[1]:
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


def test_any_window_and_filter_equals_a_computation_from_calls(
    ledger: tuple[psycopg.Connection[Any], list[Call]],
) -> None:
    connection, calls = ledger
    names = st.sampled_from(sorted(DIMENSIONS))

    @settings(max_examples=examples(80))
    @given(WINDOWS, WINDOWS, names, st.none() | names, st.sampled_from(calls))
    def check(
        window: list[datetime], baseline: list[datetime], dimension: str, filtered: str | None, like: Call
    ) -> None:
        focus = {filtered: DIMENSIONS[filtered](like)} if filtered else {}
        rows = compare(
            connection, window[0], window[1], dimension=dimension,
            baseline="..".join(map(datetime.isoformat, baseline)),
            **focus,
        )  # fmt: skip
        wanted = [c for c in calls if (c.environment, c.data_mode) == ("prod", "real")]
        wanted = [c for c in wanted if all(DIMENSIONS[name](c) == value for name, value in focus.items())]
        now, then = (window_of(wanted, w, DIMENSIONS[dimension]) for w in (window, baseline))
        check_rows(rows, now, then, per_call=bool({"model", "provider"} & {dimension, *focus}))

    check()


def test_many_small_ledgers_have_the_terms_of_the_reference(migrated_database: str) -> None:
    """Each in an environment of its own: zeros, new, gone and unpriced models are the rule here."""
    rng = random.Random(5)
    ledgers = {
        f"env{n}": [replace(random_call(rng), environment=f"env{n}", data_mode="real") for _ in range(n % 9)]
        for n in range(150)
    }
    fill(migrated_database, [call for calls in ledgers.values() for call in calls])
    middle, end = START + timedelta(hours=HOURS / 2), START + timedelta(hours=HOURS)
    with psycopg.connect(migrated_database, row_factory=dict_row, autocommit=True) as connection:
        for env, calls in ledgers.items():
            rows = compare(connection, middle, end, env=env)
            now, then = (
                window_of(calls, w, DIMENSIONS["endpoint"]) for w in ([middle, end], [START, middle])
            )
            check_rows(rows, now, then)


def check_rows(rows: list[dict[str, Any]], now: Cells, then: Cells, per_call: bool = False) -> None:
    segments = {row["segment"]: row for row in rows if not row["is_total"]}
    assert segments.keys() == now.keys() | then.keys()
    for name, row in segments.items():
        cells, before = now.get(name, {}), then.get(name, {})
        assert terms_of(row) == reference.decompose(before, cells, per_call=per_call), name
        assert row["calls"] == sum(c.calls for c in cells.values())
        assert row["requests"] == sum(c.requests for c in cells.values())
        assert row["baseline_unpriced_calls"] == sum(c.unpriced for c in before.values())
        assert pico(row["cost_usd"]) == sum(c.cost for c in cells.values())
    check_total(rows)


def check_total(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    [total] = [row for row in rows if row["is_total"]]
    segments = [row for row in rows if not row["is_total"]]
    assert terms_of(total).total == pico(total["delta_usd"])
    for name in ("cost_usd", "delta_usd", "volume_usd", "price_usd", "calls", "errors", "wasted_usd"):
        assert total[name] == sum(row[name] for row in segments), name


def test_a_panel_takes_the_baselines_that_compare_takes_and_reads_anything_else_as_previous(
    migrated_database: str,
) -> None:
    own = "2026-02-01T00:00:00Z..2026-02-02T12:30:00.5+02:00"
    taken = ["previous", "24h", "7d", own, "2028-02-29T00:00Z..2028-03-01T00:00Z"]
    refused = [
        "",
        "0h",
        "1 day",
        "..",
        "x..y",
        "2026-02-30T00:00:00Z..2026-03-02T00:00:00Z",
        f"{own}..",
        f"{own}'",
    ]
    with psycopg.connect(migrated_database) as connection:
        connection.execute("SET TimeZone = 'Europe/Berlin'")
        read = connection.execute(
            "SELECT b.text, genai.panel_baseline(b.text) FROM unnest(%s::text[]) b (text)", [taken + refused]
        ).fetchall()
        windows = connection.execute(
            "SELECT genai.baseline_from(now(), now(), b.text), genai.baseline_to(now(), now(), b.text)"
            " FROM unnest(%s::text[]) b (text)",
            [taken],
        ).fetchall()
    assert dict(read) == {text: text for text in taken} | dict.fromkeys(refused, "previous")
    assert windows[3] == (
        datetime(2026, 2, 1, tzinfo=UTC),
        datetime(2026, 2, 2, 10, 30, 0, 500_000, tzinfo=UTC),
    )
