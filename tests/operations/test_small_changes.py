"""A cost per request that moved too little to be a cause is told as its dollars say (LEDGER §25)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from tests.operations.ledger import Call, fill
from tests.operations.test_sentences import NOW, V7, V8, spread

BEFORE = NOW - timedelta(hours=1)
SEARCH = replace(
    V7, endpoint="search", prompt_version="search_v1", model="gpt-4.1-mini",
    costs=(700_000_000, 0, 0, 300_000_000, 0),
)  # fmt: skip
CHAT = replace(V7, endpoint="chat", prompt_version="chat_v1")


def costing(like: Call, ratio: str) -> Call:
    """The same call at another cost, as if it wrote or read so much more."""
    assert like.costs
    fresh, read, written, answer, other = (int(cost * Decimal(ratio)) for cost in like.costs)
    return replace(
        like, costs=(fresh, read, written, answer, other),
        input_tokens=int((like.input_tokens or 0) * Decimal(ratio)),
        output_tokens=int((like.output_tokens or 0) * Decimal(ratio)),
    )  # fmt: skip


def told_each(dsn: str, before: list[Call], now: list[Call]) -> tuple[str, str, str, str]:
    """Class, sentence, dollars and where it leads to, of how much each request costs."""
    fill(dsn, before + now)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")
        rows = connection.execute(
            "SELECT s.class, s.sentence, s.change, s.name, c.sentence FROM genai.story("
            " %(from)s, %(to)s, 'previous', 'prod', 'real', '*', '*', '*', '*', '*', '*') s,"
            " genai.classify(%(from)s, %(to)s) c WHERE s.sentence LIKE 'Each %%'",
            {"from": NOW, "to": NOW + timedelta(hours=1)},
        ).fetchall()
    ((kind, sentence, change, name, whole),) = rows
    assert str(whole).endswith(sentence), "the command line says it in the same words"
    return kind, sentence, change, name


def traffic(start: datetime, *kinds: tuple[Call, int]) -> list[Call]:
    return [call for like, count in kinds for call in spread(like, count, start)]


def test_a_real_deploy_of_a_small_endpoint_is_told_beside_its_dollars(migrated_database: str) -> None:
    told = told_each(
        migrated_database,
        traffic(BEFORE, (CHAT, 4_000), (V7, 350)),
        traffic(NOW, (CHAT, 4_000), (V8, 350)),
    )
    assert told == (
        "steady", "Each request costs 2% more ($0.0061 → $0.0062), because answer_v8 writes twice as much.",
        "+$0.455", "support.answer · answer_v8",
    )  # fmt: skip


def test_a_deploy_that_a_cheaper_mix_hides_is_told_at_the_same_mix(migrated_database: str) -> None:
    _, sentence, change, _ = told_each(
        migrated_database,
        traffic(BEFORE, (CHAT, 4_000), (V7, 500), (SEARCH, 300)),
        traffic(NOW, (CHAT, 3_950), (V8, 500), (SEARCH, 415)),
    )
    assert sentence == (
        "Each request costs within 1% of what it did ($0.0058); at the same mix of endpoints 2% more,"
        " because answer_v8 writes twice as much."
    )
    assert change == "+$0.65"


@pytest.mark.parametrize(
    ("ratio", "sentence", "change"),
    [
        ("1.0000", "Each request costs what it did ($0.0061).", "$0.00"),
        ("1.0030", "Each request costs within 1% of what it did ($0.0061).", "+$0.0366"),
        ("1.0200", "Each request costs 2% more ($0.0061 → $0.0062), too little to name a cause.", "+$0.244"),
        ("0.9800", "Each request costs 2% less ($0.0061 → $0.006), too little to name a cause.", "-$0.244"),
    ],
)
def test_a_small_change_for_all_says_its_size(
    migrated_database: str, ratio: str, sentence: str, change: str
) -> None:
    told = told_each(
        migrated_database, traffic(BEFORE, (CHAT, 2_000)), traffic(NOW, (costing(CHAT, ratio), 2_000))
    )
    assert told[1:3] == (sentence, change)


def test_more_requests_to_a_cheaper_endpoint_are_no_saving_of_each(migrated_database: str) -> None:
    _, sentence, change, _ = told_each(
        migrated_database,
        traffic(BEFORE, (CHAT, 2_000), (SEARCH, 500)),
        traffic(NOW, (CHAT, 2_000), (SEARCH, 540)),
    )
    assert sentence == (
        "Each request costs 1% less ($0.0051 → $0.005), because more of them are of cheaper endpoints."
    )
    assert change == "$0.00"
