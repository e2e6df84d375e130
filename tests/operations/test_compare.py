"""The typed comparison, its story in the terminal, and what filters, retention and clocks do to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import psycopg
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.__main__ import build
from operations.compare.model import DIMENSIONS, TERMS, TOKEN_CLASSES, Comparison, Focus, Question, compare
from operations.compare.story import next_command, show
from operations.terminal import program
from tests.operations.ledger import ERROR_WITHOUT_USAGE, NO_USAGE, UNPRICED, fill
from tests.operations.test_classify import BEFORE, CALL, NOW, V2, tokens, traffic

HOUR = timedelta(hours=1)
QUESTION = Question(NOW, NOW + HOUR)
HOSTILE = [
    "o'brien", 'say "hi"', "a,b", "%s %(x)s %%", "$1 $$ $x$", "{x}", "\\'", "\\",
    "'; DROP SCHEMA genai CASCADE; --",
    "naïve ☃ \U0001f600", " leading", "NULL", "[red]x[/red]", "total", "x" * 200,
]  # fmt: skip


@pytest.fixture
def incident(migrated_database: str) -> Iterator[tuple[str, psycopg.Connection[Any]]]:
    """A prompt version that writes more at checkout; a retry, a free error, two kinds of doubt elsewhere."""
    other = replace(CALL, endpoint="search")
    fill(
        migrated_database,
        [
            *traffic(BEFORE, 200), *traffic(BEFORE, 100, other),
            *traffic(NOW, 220, tokens(1.6, like=V2)), *traffic(NOW, 100, other),
            *traffic(NOW, 10, replace(other, status="error", requests=0)),
            *traffic(NOW, 5, replace(other, status="cancelled", costs=None, price_status=NO_USAGE)),
            *traffic(NOW, 4, replace(other, status="error", costs=None, price_status=ERROR_WITHOUT_USAGE)),
            *traffic(NOW, 3, replace(other, model="brand-new", costs=None, price_status=UNPRICED)),
        ],
    )  # fmt: skip
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        yield migrated_database, connection


def test_the_answer_is_typed_and_its_terms_sum_to_the_change(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    total, segments, spike = compare(incident[1], QUESTION)[:3]
    assert total is not None
    assert spike is not None
    for change in [total, *segments]:
        assert sum(change.term(name) for name in TERMS) == change.delta_usd
        assert sum(change.token_class(name) for name in TOKEN_CLASSES) == change.tokens_usd
        assert change.cost_usd - change.baseline_cost_usd == change.delta_usd
    assert [change.segment for change in segments] == ["checkout", "search"]
    assert (total.top_segment, segments[0].top_term) == ("checkout", "tokens")
    assert (spike.name, spike.subject) == ("deploy", "v2")
    assert spike.evidence["deploy"]["endpoint_tag"] == "checkout"


def test_attempts_and_wasted_spend_are_those_of_calls_without_success(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    search = compare(incident[1], QUESTION).segments[1]
    assert (search.calls, search.requests, search.errors, search.cancelled) == (122, 112, 14, 5)
    assert search.attempts_per_success == pytest.approx(122 / 103)
    assert search.wasted_usd == 10 * Decimal("0.000002")
    assert search.success_ratio == pytest.approx(103 / 117)
    row = incident[1].execute(
        "SELECT segment, calls, successes, attempts_per_success, wasted_usd, cost_per_success_usd"
        " FROM genai.attempts(%s, %s)",
        (NOW, NOW + HOUR),
    ).fetchone()  # fmt: skip
    assert row == (
        "search", 122, 103, search.attempts_per_success, search.wasted_usd,
        round(Decimal("0.00022") / 103, 12),
    )  # fmt: skip


@pytest.mark.parametrize("dimension", ["endpoint", "model", "tenant"])
def test_attempts_by_every_dimension_sum_to_the_same(
    incident: tuple[str, psycopg.Connection[Any]], dimension: str
) -> None:
    row = incident[1].execute(
        "SELECT sum(calls), sum(successes), sum(wasted_usd), sum(cost_usd)"
        " FROM genai.attempts(%s, %s, p_dimension => %s)",
        (NOW, NOW + HOUR, dimension),
    ).fetchone()  # fmt: skip
    assert row == (342, 323, Decimal("0.00002"), Decimal("0.000924"))


def test_what_is_not_known_is_counted_beside(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    total = compare(incident[1], QUESTION).total
    assert total is not None
    assert (total.unpriced_calls, total.uncertain_calls, total.error_without_usage_calls) == (3, 5, 4)
    assert total.uncertain_share == pytest.approx(5 / 342)
    assert total.at_least
    assert not total.baseline_at_least


def test_two_empty_windows_have_no_total(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    long_ago = Question(NOW - timedelta(days=9), NOW - timedelta(days=8))
    assert compare(incident[1], long_ago) == Comparison(None, [], None)


def test_an_almost_empty_baseline_is_divided_by_nowhere(migrated_database: str) -> None:
    fill(migrated_database, [*traffic(BEFORE, 9), *traffic(NOW, 200)])
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        total = compare(connection, QUESTION).total
        assert total is not None
        assert total.delta_ratio is None
        assert total.delta_usd > 0
        whole_hour = f"{BEFORE.isoformat()}..{NOW.isoformat()}"
        again = compare(connection, QUESTION._replace(end=NOW + HOUR / 2, baseline=whole_hour)).total
        assert again is not None
        assert again.delta_ratio is not None


def test_a_dimension_that_does_not_exist_is_refused(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    with pytest.raises(ValueError, match="'city' is not a dimension"):
        compare(incident[1], QUESTION._replace(dimension="city"))


@pytest.mark.parametrize(
    ("baseline", "calls"),
    [
        ("previous", 300),
        ("1h", 300),
        ("60m", 300),
        ("24h", 0),
        ("168h", 0),
        (f"{BEFORE.isoformat()}..{(BEFORE + HOUR / 2).isoformat()}", 150),
    ],
)
def test_each_form_of_a_baseline_is_read(
    incident: tuple[str, psycopg.Connection[Any]], baseline: str, calls: int
) -> None:
    total = compare(incident[1], QUESTION._replace(baseline=baseline)).total
    assert total is not None
    assert total.baseline_calls == calls


def test_distances_are_exact_across_summer_time(migrated_database: str) -> None:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'Europe/Berlin'")
        start = datetime(2026, 3, 30, tzinfo=UTC)  # the clocks change on the 29th
        for text, distance in (("previous", 2), ("24h", 1), ("7d", 7), ("168h", 7)):
            found = connection.execute(
                "SELECT genai.baseline_from(%(f)s, %(t)s, %(b)s), genai.baseline_to(%(f)s, %(t)s, %(b)s)",
                {"f": start, "t": start + timedelta(days=2), "b": text},
            ).fetchone()
            back = timedelta(days=distance)
            assert found == (start - back, start + timedelta(days=2) - back), text


def test_a_baseline_that_is_no_time_is_an_error(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    with pytest.raises(psycopg.DataError, match="nonsense"):
        compare(incident[1], QUESTION._replace(baseline="nonsense"))


def test_hostile_values_are_values(migrated_database: str) -> None:
    fill(
        migrated_database,
        [
            replace(
                CALL, time=NOW, endpoint=value, prompt_version=value, user=value, tenant=value, model=value,
                provider=value, service=value,
            )
            for value in HOSTILE
        ],
    )  # fmt: skip
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        for place, value in enumerate(HOSTILE):
            dimension = Focus._fields[place % len(Focus._fields)]
            for focus in (Focus(**{dimension: value}), Focus(*[value] * len(Focus._fields))):
                asked = QUESTION._replace(dimension=dimension, focus=focus)
                assert [s.segment for s in compare(connection, asked).segments] == [value], dimension
        attack = "'; DROP SCHEMA genai CASCADE; --"
        for asked in (QUESTION._replace(environment=attack), QUESTION._replace(data_mode=attack)):
            assert compare(connection, asked).total is None


def test_a_star_and_nothing_take_everything(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    stars = QUESTION._replace(environment="*", data_mode="*", focus=Focus(*["*"] * len(Focus._fields)))
    assert compare(incident[1], stars) == compare(incident[1], QUESTION)


def test_several_environments_are_summed(migrated_database: str) -> None:
    fill(migrated_database, [replace(CALL, environment=name) for name in ("prod", "staging", "dev")])
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        total = compare(connection, QUESTION._replace(environment="prod,staging")).total
    assert total is not None
    assert total.calls == 2


def test_only_so_many_segments_are_listed_and_the_total_counts_all(migrated_database: str) -> None:
    fill(migrated_database, [replace(CALL, endpoint=f"e{i}") for i in range(30)])
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        answer = compare(connection, QUESTION, limit=7)
    assert answer.total is not None
    assert (len(answer.segments), answer.total.calls) == (7, 30)


def set_floor(connection: psycopg.Connection[Any], **levels: datetime) -> None:
    for level, time in levels.items():
        connection.execute("UPDATE _genai.floor SET time = %s WHERE level = %s", (time, level))


def test_without_the_calls_of_an_edge_the_window_snaps_outward_and_says_so(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    connection = incident[1]
    set_floor(connection, raw=NOW + timedelta(days=1), minute=NOW + timedelta(days=1))
    connection.execute("DELETE FROM _genai.model_call")
    asked = QUESTION._replace(start=NOW + timedelta(minutes=10), end=NOW + timedelta(minutes=50))
    total = compare(connection, asked).total
    assert total is not None
    assert (total.from_used, total.to_used) == (NOW, NOW + HOUR)
    assert (total.baseline_from_used, total.baseline_to_used) == (BEFORE, NOW + HOUR)
    assert total.calls == 342


def test_a_question_that_only_calls_can_answer_ends_where_calls_begin(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    connection = incident[1]
    set_floor(connection, raw=NOW + HOUR / 2)
    asked = QUESTION._replace(dimension="prompt_version", focus=Focus(user="user-1"))
    total = compare(connection, asked).total
    assert total is not None
    assert (total.from_used, total.to_used) == (NOW + HOUR / 2, NOW + HOUR)
    assert total.baseline_from_used == total.baseline_to_used
    assert 0 < total.calls < 342 / 20


def test_identities_by_endpoint_before_their_hours_come_from_calls(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    connection = incident[1]
    asked = QUESTION._replace(dimension="user", focus=Focus(endpoint="checkout"))
    expected = compare(connection, asked)
    set_floor(connection, identity_hour=NOW + HOUR)
    connection.execute("DELETE FROM _genai.usage_identity_hour")
    assert compare(connection, asked) == expected


def told(answer: Comparison, question: Question = QUESTION, width: int = 160) -> str:
    out = StringIO()
    show(Console(file=out, width=width, highlight=False), question, answer)
    return out.getvalue()


def test_the_story_says_what_changed_and_why(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    text = told(compare(incident[1], QUESTION))
    for part in (
        "2026-05-04 12:00 – 13:00 UTC (1 h)",
        "the equal window before",
        "$0.000600 → ≥ $0.000924",
        "(+54.0%)",
        " deploy ",
        "Each request costs",
        "because ",
        "3 calls (0 before) without a price",
        "5 calls (0 before) is missing or estimated",
        "4 errors came without usage",
        f"Next: {program()} compare --by prompt-version",
        "--endpoint=checkout",
    ):
        assert part in text, part


def test_a_figure_is_never_cut_and_a_wide_terminal_shows_all(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    answer = compare(incident[1], QUESTION)
    for width in range(76, 180, 2):
        text = told(answer, width=width)
        [row] = [line for line in text.splitlines() if line.startswith(" checkout ")]
        assert row.split()[:5] == ["checkout", "$0.000400", "$0.000704", "+$0.000304", "tokens"], width
        assert "…" not in text, width
    assert "0.6 s" in row


def test_the_next_command_can_be_run(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    dsn, connection = incident
    command = next_command(QUESTION, compare(connection, QUESTION))
    assert command is not None
    run = CliRunner().invoke(build(), [*command.split()[1:], "--json", "--database-url", dsn])
    assert run.exit_code == 0, run.output
    answer = json.loads(run.stdout)
    assert answer["dimension"] == "prompt-version"
    assert answer["focus"] == {"endpoint": "checkout"}
    assert answer["class"]["name"] == "deploy"
    assert {row["segment"]: row["topTerm"] for row in answer["segments"]} == {"v2": "new", "v1": "gone"}


def test_drilling_ends_when_everything_is_in_focus(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    answer = compare(incident[1], QUESTION)
    focus = Focus(prompt_version="v2", model="small")
    for dimension in DIMENSIONS:
        command = next_command(QUESTION._replace(dimension=dimension, focus=focus), answer)
        assert (command is None) == (dimension in ("endpoint", "family")), dimension


def test_a_tag_cannot_steer_the_terminal(migrated_database: str) -> None:
    fill(migrated_database, [replace(CALL, endpoint="\x1b[2J[red]x"), replace(CALL, endpoint="plain")])
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        text = told(compare(connection, QUESTION))
    assert "\x1b" not in text
    assert "[red]x" in text


@pytest.mark.parametrize("dimension", ["endpoint,prompt_version", "service,model", "tenant,user"])
def test_two_dimensions_at_once_split_the_same_change(
    incident: tuple[str, psycopg.Connection[Any]], dimension: str
) -> None:
    total, segments = compare(incident[1], QUESTION._replace(dimension=dimension), 1_000)[:2]
    single = compare(incident[1], QUESTION._replace(dimension=dimension.split(",")[1]), 1_000)

    assert total is not None
    assert single.total is not None
    assert sum(row.delta_usd for row in segments) == total.delta_usd == single.total.delta_usd
    assert all(sum(row.term(name) for name in TERMS) == row.delta_usd for row in segments)
    for one in single.segments:
        parts = [row for row in segments if row.segment.endswith(f" · {one.segment}")]
        assert sum(row.cost_usd for row in parts) == one.cost_usd


def test_two_dimensions_are_asked_for_by_name(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    window = ("--from", "2026-05-04T12:00", "--to", "2026-05-04T13:00", "--database-url", incident[0])
    shown = CliRunner().invoke(build(), ["compare", "--by", "endpoint,prompt-version", *window])

    assert shown.exit_code == 0, shown.output
    assert "endpoint and prompt version" in shown.stdout
    assert "checkout · v2" in shown.stdout


def test_json_has_every_digit(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    run = CliRunner().invoke(
        build(),
        [
            "compare",
            "--from",
            "2026-05-04T12:00",
            "--to",
            "2026-05-04T13:00",
            "--json",
            "--database-url",
            incident[0],
        ],
    )
    assert run.exit_code == 0, run.output
    total = json.loads(run.stdout)["total"]
    assert total["costUsd"] == "0.000924000000"
    assert sum(Decimal(total[f"{name}Usd"]) for name in TERMS) == Decimal(total["deltaUsd"])


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("yesterday", "expected previous, 24h, 168h or FROM..TO"),
        ("0h", "expected previous"),
        ("2026-05-04..x", "ISO 8601"),
        ("2026-05-04..2026-05-03", "before it starts"),
    ],
)
def test_a_baseline_that_cannot_be_read_is_explained(baseline: str, message: str) -> None:
    run = CliRunner().invoke(build(), ["compare", "--baseline", baseline, "--database-url", "postgresql://x"])
    assert run.exit_code == 2
    assert message in " ".join(run.output.replace("│", " ").split())


def test_the_reader_may_ask_and_nothing_else(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    connection = incident[1]
    expected = compare(connection, QUESTION)
    connection.execute("SET ROLE grafana_reader")
    assert compare(connection, QUESTION) == expected
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM _genai.series")
