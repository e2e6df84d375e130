"""Pricing the past again: previews, fills, restatements, restarts; what was believed (LEDGER §7, §19)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from cli.reprice import _kept
from operations.operator_files.model import OperatorFile, put_in_force
from operations.reprice import model as reprice
from operations.reprice.model import Cell, Difference, Report, Scope, apply, preview
from processor.alerting.budgets_file import read_budgets
from processor.calls.call import Batch, ModelCall
from processor.calls.errors import BadData
from processor.calls.strict_yaml import read_yaml
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from storage.budgets.judge import judge
from storage.ingest.writer import Writer
from storage.journal.amender import Amender, Amendment, retract, set_fields
from storage.upkeep.retention import Periods, keep
from tests.running import ROOT
from tests.storage.ledger import NOON_NS, SECOND_NS, call, rows, value
from tests.storage.test_amendments import assert_the_book_adds_up, place

pytestmark = pytest.mark.both_servers

NOON = datetime.fromtimestamp(NOON_NS // SECOND_NS, UTC)
SCOPE = Scope(NOON - timedelta(days=3), NOON + timedelta(days=1))
DAY = NOON.date()


@pytest.fixture
def books(tmp_path: Path) -> Callable[..., PriceBook]:
    """A maker of price books: model → USD per million tokens, in and out alike."""

    def make(**prices: str) -> PriceBook:
        lines = ["version: 1", "models:"] if prices else ["version: 1"]
        for model, price in prices.items():
            table = f'{{input: "{price}", output: "{price}"}}'
            lines.append(f"  - {{provider: acme, model: {model}, prices: [{{usd_per_mtok: {table}}}]}}")
        path = tmp_path / f"{'-'.join(map(str, prices.items())) or 'none'}.yaml".replace("'", "")
        path.write_text("\n".join(lines) + "\n")
        return load_price_book(path)

    return make


def made(model: str, number: int, **fields: Any) -> ModelCall:
    """Call `number` of a model: 1 000 tokens in and out together; a minute and a tenth apart."""
    at = NOON_NS - number * 66 * SECOND_NS
    defaults = {"provider": "acme", "input_tokens": 900, "output_tokens": 100, "time_ns": at}
    return call(f"{model} {number}", model=model, tenant_id=f"t{number % 3}", **(defaults | fields))


def store(dsn: str, book: PriceBook, calls: list[ModelCall]) -> None:
    writer = Writer(dsn)
    writer.write([(Batch(calls=calls), [price_call(c, book) for c in calls])])
    writer.close()


def costs(dsn: str) -> dict[str, int | None]:
    return dict(rows(dsn, "SELECT model, sum(cost_pico_usd)::bigint FROM genai.model_call GROUP BY model"))


def connect(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, autocommit=True)


def test_what_has_no_price_is_filled_and_what_has_one_stands(
    migrated_database: str, books: Callable[..., PriceBook]
) -> None:
    store(migrated_database, books(old="1"), [made(m, n) for m in ("old", "new", "odd") for n in range(40)])
    later = books(old="2", new="3")
    with connect(migrated_database) as connection:
        told = preview(connection, later, SCOPE)
    assert costs(migrated_database) == {"old": 40_000_000_000, "new": None, "odd": None}
    done = apply(migrated_database, later, SCOPE, price_map_id=None, why="a new model")
    total = done.total()
    assert (total.filled, total.filled_pico_usd, total.restated) == (40, 120_000_000_000, 0)
    assert (told.total().waiting, told.total().waiting_pico_usd) == (40, 40_000_000_000)
    assert {c: d.filled for c, d in told.cells.items() if d.filled} == {
        c: d.filled for c, d in done.cells.items() if d.filled
    }
    assert costs(migrated_database) == {"old": 40_000_000_000, "new": 120_000_000_000, "odd": None}
    assert_the_book_adds_up(migrated_database)
    assert rows(migrated_database, "SELECT kind, why, calls, finished_at IS NULL FROM genai.ledger_run") == [
        ("reprice", "a new model", 40, False)
    ]
    assert value(migrated_database, "SELECT sum(cost_pico_usd) FROM genai.ledger_line") == 120_000_000_000


def test_a_price_that_stands_changes_only_on_request_and_is_never_taken_away(
    migrated_database: str, books: Callable[..., PriceBook]
) -> None:
    store(
        migrated_database, books(old="1", gone="1"), [made(m, n) for m in ("old", "gone") for n in range(30)]
    )
    done = apply(migrated_database, books(old="2"), SCOPE._replace(restate=True), price_map_id=None)
    assert (done.total().restated, done.total().restated_pico_usd, done.total().kept) == (
        30,
        30_000_000_000,
        30,
    )
    assert costs(migrated_database) == {"old": 60_000_000_000, "gone": 30_000_000_000}
    assert_the_book_adds_up(migrated_database)


def test_a_repriced_call_moves_the_day_and_the_month_of_a_budget(
    migrated_database: str, books: Callable[..., PriceBook]
) -> None:
    store(migrated_database, books(old="1"), [made("old", n) for n in range(30)])
    with connect(migrated_database) as connection:
        text = 'version: 1\nbudgets:\n- {name: all, daily: "0.05", monthly: "0.05"}'
        root = read_yaml(text.encode(), "budgets.yaml")
        assert root is not None
        put_in_force(connection, OperatorFile("budgets", "1", text, read_budgets(root)))
        connection.execute("UPDATE _genai.operator_file SET loaded_at = %s", (NOON - timedelta(days=1),))
        judge(connection, NOON)
        assert spent(migrated_database) == {("day", "ok", 30_000_000_000), ("month", "ok", 30_000_000_000)}

        apply(migrated_database, books(old="2"), SCOPE._replace(restate=True), price_map_id=None)
        judge(connection, NOON + timedelta(minutes=1))

    assert spent(migrated_database) == {
        ("day", "exceeded", 60_000_000_000), ("month", "exceeded", 60_000_000_000)
    }  # fmt: skip


def spent(dsn: str) -> set[tuple[Any, ...]]:
    """Of each running period: what it is, its state and what it spent."""
    query = "SELECT period, state, (cost_usd * 1e12)::bigint FROM genai.budget_state"
    return set(rows(dsn, query))


def test_a_price_that_the_map_would_not_give_any_more_stands_marked(
    migrated_database: str, books: Callable[..., PriceBook]
) -> None:
    """The map has the model, and says that no price is known of what the call used: audio."""
    spoken = [made("old", n, output_audio_tokens=50) for n in range(30)]
    writer = Writer(migrated_database)
    silent = [replace(c, output_audio_tokens=None) for c in spoken]
    writer.write([(Batch(calls=spoken), [price_call(c, books(old="1")) for c in silent])])
    writer.close()
    later, restated = books(old="2"), SCOPE._replace(restate=True)
    with connect(migrated_database) as connection:
        told = preview(connection, later, restated).total()
    assert (told.kept, told.kept_pico_usd, told.changed) == (30, 30_000_000_000, 0)
    done = apply(migrated_database, later, restated, price_map_id=None).total()
    assert (done.kept, done.kept_pico_usd, done.delta_pico_usd) == (30, 30_000_000_000, 0)
    assert costs(migrated_database) == {"old": 30_000_000_000}
    assert rows(migrated_database, "SELECT DISTINCT flags FROM genai.model_call") == [
        (["cost_uncertain", "rate_missing"],)
    ]
    assert value(migrated_database, "SELECT sum(uncertain_calls)::bigint FROM genai.usage_hour") == 30
    assert_the_book_adds_up(migrated_database)
    again = apply(migrated_database, later, restated, price_map_id=None)
    assert (again.total().kept, again.total().changed) == (30, 0)


def test_a_mark_that_the_bill_differs_stays_with_a_new_price(
    migrated_database: str, books: Callable[..., PriceBook]
) -> None:
    billed = [made("old", n, dialect="openrouter", reported_cost_pico_usd=1) for n in range(3)]
    store(migrated_database, books(old="1"), billed)
    flags = "SELECT DISTINCT flags FROM genai.model_call"
    assert rows(migrated_database, flags) == [(["cost_uncertain", "bill_differs"],)]
    apply(migrated_database, books(old="2"), SCOPE._replace(restate=True), price_map_id=None)
    assert rows(migrated_database, flags) == [(["cost_uncertain", "bill_differs"],)]


def test_a_restatement_keeps_flags_and_uncertain_calls_in_step(
    migrated_database: str, books: Callable[..., PriceBook], tmp_path: Path
) -> None:
    cached = [made("old", n, cache_read_tokens=100) for n in range(30)]
    store(migrated_database, books(old="1"), [*cached, made("old", 99)])
    uncertain = "SELECT sum(uncertain_calls)::bigint FROM genai.usage_hour"
    flagged = "SELECT count(*) FROM genai.model_call WHERE 'cost_uncertain' = ANY (flags)"
    assert (value(migrated_database, uncertain), value(migrated_database, flagged)) == (30, 30)
    path = tmp_path / "cached.yaml"
    path.write_text(
        "version: 1\nmodels:\n  - {provider: acme, model: old, prices: "
        '[{usd_per_mtok: {input: "1", output: "1", cache_read: "1"}}]}\n'
    )
    done = apply(migrated_database, load_price_book(path), SCOPE._replace(restate=True), price_map_id=None)
    assert done.total().restated == 0
    assert (value(migrated_database, uncertain), value(migrated_database, flagged)) == (0, 0)
    assert_the_book_adds_up(migrated_database)
    assert (
        rows(migrated_database, "SELECT * FROM genai.model_call WHERE flags && '{cache_price_assumed}'") == []
    )


def test_a_run_is_limited_to_its_models_and_its_window(
    migrated_database: str, books: Callable[..., PriceBook]
) -> None:
    store(migrated_database, books(), [made(m, n) for m in ("a", "b", "c") for n in range(30)])
    later = books(a="1", b="1", c="1")
    window = Scope(NOON - timedelta(minutes=10), NOON, ("a", "acme/b"))
    done = apply(migrated_database, later, window, price_map_id=None)
    inside = sum(1 for n in range(30) if 0 < n * 66 <= 600)
    assert (done.rows, done.total().filled) == (2 * inside, 2 * inside)
    assert {c.model for c in done.cells} == {"a", "b"}
    assert_the_book_adds_up(migrated_database)


def test_a_run_that_changes_nothing_leaves_no_trace(
    migrated_database: str, books: Callable[..., PriceBook]
) -> None:
    store(migrated_database, books(a="1"), [made("a", n) for n in range(5)])
    done = apply(migrated_database, books(a="1"), SCOPE._replace(restate=True), price_map_id=None)
    assert (done.rows, done.cells, done.run_id) == (5, {}, None)
    assert rows(migrated_database, "SELECT * FROM genai.ledger_run") == []


def test_rows_that_are_gone_cannot_be_priced_again(
    migrated_database: str, books: Callable[..., PriceBook]
) -> None:
    with connect(migrated_database) as connection:
        connection.execute("UPDATE _genai.floor SET time = '2026-09-20' WHERE level = 'raw'")
        with pytest.raises(BadData, match=r"no longer kept .* Begin at 2026-09-20 or later"):
            preview(connection, books(), SCOPE)
    with pytest.raises(BadData, match="no longer kept"):
        apply(migrated_database, books(), SCOPE, price_map_id=None)


def test_a_tag_that_comes_while_a_row_is_priced_again_is_not_lost(
    migrated_database: str, books: Callable[..., PriceBook], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [made("a", n, endpoint_tag=None) for n in range(120)]
    store(migrated_database, books(), calls)
    monkeypatch.setattr(reprice, "BATCH", 7)
    later = books(a="1")
    command = [sys.executable, "-c", TAGGER, migrated_database]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as tagging:
        assert tagging.stdout is not None
        tagging.stdout.readline()
        apply(migrated_database, later, SCOPE, price_map_id=None)
        assert tagging.wait(60) == 0
    query = "SELECT endpoint_tag, count(*), sum(cost_pico_usd) FROM genai.model_call GROUP BY 1"
    found = rows(migrated_database, query)
    assert found == [("late", 120, 120_000_000_000)]
    assert_the_book_adds_up(migrated_database)


TAGGER = textwrap.dedent("""
    import sys
    from storage.journal.amender import Amender, Amendment, set_fields
    from tests.operations.test_reprice import made
    from tests.storage.test_amendments import place
    print("begun", flush=True)
    with Amender(sys.argv[1], "tag") as amender:
        for start in range(0, 120, 5):
            places = [place(made("a", n)) for n in range(start, start + 5)]
            amender.apply([Amendment((at,), set_fields(endpoint_tag="late")) for at in places])
""")

REPRICER = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from operations.reprice import model as reprice
    from processor.pricing.load import load_price_book
    from tests.operations.test_reprice import SCOPE
    reprice.BATCH = 10
    reprice.apply(sys.argv[1], load_price_book(Path(sys.argv[2])), SCOPE, price_map_id=None,
                  progress=lambda rows: (print(rows, flush=True), time.sleep(0.05)))
""")


def test_a_run_that_is_killed_half_way_and_run_again_ends_the_same(
    migrated_database: str, books: Callable[..., PriceBook], tmp_path: Path
) -> None:
    store(migrated_database, books(), [made("a", n) for n in range(200)])
    books(a="1")
    (path,) = (p for p in tmp_path.iterdir() if "a" in p.name and p.name != "none.yaml")
    command = [sys.executable, "-c", REPRICER, migrated_database, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for _ in range(4):
            assert running.stdout.readline()
        running.send_signal(signal.SIGKILL)
    half = value(migrated_database, "SELECT count(cost_pico_usd) FROM genai.model_call")
    assert 0 < half < 200
    assert_the_book_adds_up(migrated_database)
    assert value(migrated_database, "SELECT count(*) FROM genai.ledger_run WHERE finished_at IS NULL") == 1

    done = apply(migrated_database, load_price_book(path), SCOPE, price_map_id=None)
    assert done.total().filled == 200 - half
    assert costs(migrated_database) == {"a": 200_000_000_000}
    assert rows(migrated_database, "SELECT calls, finished_at IS NULL FROM genai.ledger_run") == [
        (200, False)
    ]
    assert_the_book_adds_up(migrated_database)


def as_of(dsn: str, moment: datetime) -> list[tuple[Any, ...]]:
    query = (
        "SELECT day, model, calls, cost_pico_usd, is_known FROM genai.as_of(%s, %s, %s) ORDER BY day, model"
    )
    return rows(dsn, query, moment, DAY - timedelta(days=200), DAY)


def test_what_was_believed_stays_answerable(migrated_database: str, books: Callable[..., PriceBook]) -> None:
    received = {"received_ns": time.time_ns() - 7200 * SECOND_NS}
    store(migrated_database, books(a="1"), [made("a", 0, **received), made("b", 0, **received)])
    before = datetime.now(UTC)
    apply(migrated_database, books(a="1", b="2"), SCOPE, price_map_id=None)
    between = datetime.now(UTC)
    with Amender(migrated_database, "tag") as amender:
        amender.apply([Amendment((place(made("a", 0)),), set_fields(environment="staging", model="a2"))])
    store(migrated_database, books(a="1"), [made("a", 1, received_ns=time.time_ns())])
    after = datetime.now(UTC)
    assert as_of(migrated_database, before - timedelta(hours=3)) == []
    assert as_of(migrated_database, before) == [(DAY, "a", 1, 10**9, True), (DAY, "b", 1, 0, True)]
    assert as_of(migrated_database, between) == [(DAY, "a", 1, 10**9, True), (DAY, "b", 1, 2 * 10**9, True)]
    assert as_of(migrated_database, after) == [
        (DAY, "a", 1, 10**9, True), (DAY, "a2", 1, 10**9, True), (DAY, "b", 1, 2 * 10**9, True),
    ]  # fmt: skip


def run(*arguments: str) -> Any:
    done = CliRunner().invoke(build(), list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_previews_then_applies(
    migrated_database: str, books: Callable[..., PriceBook], tmp_path: Path
) -> None:
    store(migrated_database, books(), [made("a", n) for n in range(12)])
    books(a="1")
    (prices,) = (p for p in tmp_path.iterdir() if "a" in p.name and p.name != "none.yaml")
    config = tmp_path / "config.yaml"
    config.write_text(f"prices: {{file: '{prices}'}}\n")
    window = ("--from", "2026-09-20", "--to", "2026-09-23")
    more = (*window, "--config", str(config), "--database-url", migrated_database)
    told = run("reprice", *more)
    assert "12 of 12 calls would change" in told
    assert "+$0.01" in told
    assert "Dry run, nothing changed" in told
    done = json.loads(run("reprice", *more, "--apply", "--why", "first price of a", "--json"))
    assert (done["applied"], done["total"]["filledCalls"], done["total"]["deltaUsd"]) == (True, 12, "0.012")
    assert {cell["tenantId"] for cell in done["cells"]} == {"t0", "t1", "t2"}
    assert costs(migrated_database) == {"a": 12_000_000_000}
    vector = "SELECT count(*) FROM genai.model_call m JOIN genai.price_vector v ON v.id = m.price_vector_id"
    assert value(migrated_database, vector) == 12
    assert_the_book_adds_up(migrated_database)


def test_top_tells_what_was_believed_by_model_and_refuses_finer_questions(
    migrated_database: str, books: Callable[..., PriceBook]
) -> None:
    store(migrated_database, books(), [made("a", n, received_ns=time.time_ns()) for n in range(3)])
    before = datetime.now(UTC)
    apply(migrated_database, books(a="1"), SCOPE, price_map_id=None)
    window = ("--from", "2026-09-20", "--to", "2026-09-23", "--database-url", migrated_database)
    then = json.loads(run("top", "model", *window, "--as-of", f"{before:%Y-%m-%dT%H:%M:%S.%f}", "--json"))
    now = json.loads(run("top", "model", *window, "--as-of", "2100-01-01", "--json"))
    assert then["total"] == {"calls": 3, "costUsd": "0"}
    assert now["total"] == {"calls": 3, "costUsd": "0.003"}
    assert "as recorded at 2100-01-01" in run("top", "model", *window, "--as-of", "2100-01-01")
    with pytest.raises(BadData, match="by day and model only"):
        run("top", "tenant", *window, "--as-of", "2100-01-01")
    with pytest.raises(BadData, match="whole days"):
        run("top", "model", *window[2:], "--from", "2026-09-20T10:00", "--as-of", "2100-01-01")


def test_a_closed_day_answers_from_its_lines(migrated_database: str, books: Callable[..., PriceBook]) -> None:
    pair = [made("a", 0), made("a", 1)]
    store(migrated_database, books(a="1"), pair)
    with Amender(migrated_database, "retract") as amender:
        amender.apply([Amendment((place(pair[0]), place(pair[1])), retract)])
    moment = datetime.now(UTC)
    open_day = as_of(migrated_database, moment)
    keep(migrated_database, Periods(), NOON + timedelta(days=100))
    assert value(migrated_database, "SELECT count(*) FROM _genai.model_call") == 0
    assert as_of(migrated_database, NOON + timedelta(days=300)) == open_day == [(DAY, "a", 1, 10**9, True)]
    assert as_of(migrated_database, NOON + timedelta(days=3))[0][-1] is False


def test_calls_that_keep_their_price_are_told_with_their_money_and_models() -> None:
    cells = {
        Cell(DAY, "prod", "real", "acme", f"m{n}", "t"): Difference(kept=2, kept_pico_usd=n * 10**12)
        for n in range(1, 6)
    }
    assert _kept(Report(10, cells)) == (
        "10 calls keep their price ($15.00), since this map has none for them: "
        "acme/m5, acme/m4, acme/m3 and 2 more."
    )
