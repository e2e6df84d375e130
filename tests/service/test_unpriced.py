"""From the unpriced queue to a price: what `unpriced` prints can be pasted, loaded and repriced with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from operations.reprice import model as reprice
from operations.reprice.model import Scope
from processor.calls.call import UNKNOWN, Batch, ModelCall
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from storage.ingest.writer import Writer
from storage.upkeep.retention import Periods, keep
from tests.service.test_commands import run, run_json
from tests.storage.ledger import NOON_NS, SECOND_NS, assert_rollups_equal_rows, call, rows, totals, value

HOUR_NS = 3600 * SECOND_NS
NOON = datetime.fromtimestamp(NOON_NS // SECOND_NS, UTC)


def store(dsn: str, *calls: ModelCall) -> None:
    """Write calls at the prices of the default list."""
    book = load_price_book(None)
    writer = Writer(dsn)
    writer.write([(Batch(calls=list(calls)), [price_call(made, book) for made in calls])])
    writer.close()


@pytest.fixture
def queue(migrated_database: str) -> str:
    """Two models without a price, one near a known one; beside them priced calls and one without a name."""
    store(
        migrated_database,
        call("near 1", model="gpt-4o-mini-next", input_tokens=1000, output_tokens=10, cache_read_tokens=400),
        call(
            "near 2", model="gpt-4o-mini-next", input_tokens=500, output_tokens=20, time_ns=NOON_NS + HOUR_NS
        ),
        call("error", model="gpt-4o-mini-next", status="error", input_tokens=None, output_tokens=None),
        call("far", model="zzz-nobody-knows", provider="acme", input_tokens=7, output_tokens=3),
        call("nameless", model=UNKNOWN, provider=UNKNOWN),
        call("priced"),
    )
    return migrated_database


def test_the_queue_tells_tokens_and_times_of_exactly_the_unpriced_calls(queue: str) -> None:
    by_model = {row["model"]: row for row in run_json("unpriced", "--database-url", queue)}
    assert set(by_model) == {"gpt-4o-mini-next", "zzz-nobody-knows", UNKNOWN}
    near = by_model["gpt-4o-mini-next"]
    assert (near["calls"], near["inputTokens"], near["outputTokens"], near["cacheReadTokens"]) == (
        2,
        1500,
        30,
        400,
    )
    assert near["tokensAtMost"] is False
    assert near["firstSeen"] == "2026-09-21T14:13:20Z"
    assert near["lastSeen"] == "2026-09-21T15:13:20Z"


def test_the_missing_money_is_estimated_at_the_nearest_price_and_says_so(queue: str) -> None:
    by_model = {row["model"]: row for row in run_json("unpriced", "--database-url", queue)}
    near = by_model["gpt-4o-mini-next"]
    assert near["nearest"]["model"] == "gpt-4o-mini"
    # gpt-4o-mini: 0.15 fresh, 0.075 cached, 0.60 out, USD per million tokens
    assert Decimal(near["estimatedMissingUsd"]) == Decimal("0.000213")
    assert by_model["zzz-nobody-knows"]["estimatedMissingUsd"] is None
    assert by_model[UNKNOWN]["nearest"] is None
    shown = run("unpriced", "--database-url", queue).stdout
    assert "~ $0.000213" in shown
    assert "openai gpt-4o-mini" in shown
    assert (
        "Not in any total: about $0.000213 at similar models' prices (estimate). No similar price is known"
        in shown
    )
    assert "No similar price is known for 2 rows." in shown
    assert totals(queue)[3] == value(
        queue, "SELECT sum(cost_pico_usd) FROM genai.model_call WHERE model = 'gpt-4o-mini'"
    )


def test_what_it_prints_loads_and_prices_the_past_by_the_ledgers_delta(queue: str, tmp_path: Path) -> None:
    pasted = run("unpriced", "--yaml", "--database-url", queue).stdout
    assert UNKNOWN not in pasted
    path = tmp_path / "prices.yaml"
    path.write_text(pasted)
    before = totals(queue)
    scope = Scope(NOON - timedelta(days=1), NOON + timedelta(days=1))
    done = reprice.apply(queue, load_price_book(path), scope, price_map_id=None)
    assert (done.total().filled, done.total().filled_pico_usd) == (2, 213_000_000)
    after = totals(queue)
    assert after[:3] == before[:3]
    assert (
        after[3] - before[3]
        == value(queue, "SELECT sum(cost_pico_usd) FROM genai.ledger_line")
        == 213_000_000
    )
    assert_rollups_equal_rows(queue)
    left = run_json("unpriced", "--database-url", queue)
    assert {row["model"] for row in left} == {"zzz-nobody-knows", UNKNOWN}


def test_tokens_are_told_apart_from_priced_calls_of_the_same_hour_and_model(
    queue: str, tmp_path: Path
) -> None:
    half = Scope(NOON - timedelta(hours=1), NOON + timedelta(minutes=1))
    path = tmp_path / "prices.yaml"
    path.write_text(run("unpriced", "--yaml", "--database-url", queue).stdout)
    store(queue, call("near 3", model="gpt-4o-mini-next", input_tokens=64, time_ns=NOON_NS + 600 * SECOND_NS))
    reprice.apply(queue, load_price_book(path), half, price_map_id=None)
    by_model = {row["model"]: row for row in run_json("unpriced", "--database-url", queue)}
    near = by_model["gpt-4o-mini-next"]
    assert (near["calls"], near["inputTokens"], near["tokensAtMost"]) == (2, 564, False)
    assert near["firstSeen"] == "2026-09-21T14:23:20Z"


def test_where_calls_are_gone_tokens_beside_priced_ones_are_at_most(queue: str, tmp_path: Path) -> None:
    store(queue, call("near 3", model="gpt-4o-mini-next", input_tokens=64, time_ns=NOON_NS + 600 * SECOND_NS))
    path = tmp_path / "prices.yaml"
    path.write_text(run("unpriced", "--yaml", "--database-url", queue).stdout)
    half = Scope(NOON - timedelta(hours=1), NOON + timedelta(minutes=1))
    reprice.apply(queue, load_price_book(path), half, price_map_id=None)
    keep(queue, Periods(), NOON + timedelta(days=100))
    near = next(r for r in run_json("unpriced", "--database-url", queue) if r["model"] == "gpt-4o-mini-next")
    assert (near["calls"], near["inputTokens"], near["tokensAtMost"]) == (2, 1564, True)
    assert near["firstSeen"] == "2026-09-21T14:00:00Z"


def test_the_queue_is_every_unpriced_call(queue: str) -> None:
    with psycopg.connect(queue) as connection:
        told = connection.execute("SELECT sum(calls), sum(input_tokens) FROM genai.unpriced_usage").fetchone()
    assert [told] == rows(
        queue,
        "SELECT count(*)::numeric, sum(input_tokens)::numeric FROM genai.model_call"
        " WHERE price_status = 'unpriced_model'",
    )


def test_a_model_with_a_price_says_that_it_lacks_one_for_what_was_used(
    migrated_database: str, tmp_path: Path
) -> None:
    heard = {"input_audio_tokens": 50, "output_audio_tokens": 5}
    store(migrated_database, call("heard", model="gpt-4o", input_tokens=100, output_tokens=10, **heard))
    (row,) = run_json("unpriced", "--database-url", migrated_database)
    assert (row["model"], row["hasPrices"], row["nearest"]) == ("gpt-4o", True, None)
    shown = run("unpriced", "--database-url", migrated_database).stdout
    assert "its own, not for all" in " ".join(shown.split())
    entry = run("unpriced", "--yaml", "--database-url", migrated_database).stdout
    filled = "".join(
        f"{line.replace('  # ', '  ', 1)}\n"
        for line in entry.replace(
            'output: "10"', 'output: "10", input_audio: "40", output_audio: "80"'
        ).splitlines()
        if "calls since" not in line and "it has a price" not in line and "add what" not in line
    )
    path = tmp_path / "prices.yaml"
    path.write_text(filled)
    priced = price_call(
        call("heard", model="gpt-4o", input_tokens=100, output_tokens=10, **heard), load_price_book(path)
    )
    assert priced.cost == (50 * 2_500_000 + 50 * 40_000_000) + (5 * 10_000_000 + 5 * 80_000_000)
