"""docs/compare.md shows a real answer: its figures are computed here and looked up there."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import psycopg
from rich.console import Console

from operations.compare.model import Focus, compare
from operations.compare.story import show
from operations.terminal import program
from tests.operations.ledger import Call, fill
from tests.operations.test_classify import BEFORE, NOW, traffic
from tests.operations.test_compare import QUESTION

DOCUMENT = Path(__file__).parents[2] / "docs" / "compare.md"

SMALL = Call(NOW, endpoint="checkout", costs=(500_000_000, 0, 0, 200_000_000, 0))
"""1,000 input tokens at $0.50 and 100 output tokens at $2.00 a million: $0.0007."""
LARGE = replace(SMALL, model="large", costs=(5_000_000_000, 0, 0, 2_000_000_000, 0))
"""Ten times that: $0.0070."""
LONGER = replace(SMALL, output_tokens=150, costs=(500_000_000, 0, 0, 300_000_000, 0))
CHEAPER = replace(LARGE, output_tokens=150, costs=(4_000_000_000, 0, 0, 3_000_000_000, 0))
"""Longer answers, and input tokens at $4.00 a million instead of $5.00."""


def example() -> list[Call]:
    return [
        *traffic(BEFORE, 900, SMALL),
        *traffic(BEFORE, 100, LARGE),
        *traffic(NOW, 1_000, LONGER),
        *traffic(NOW, 200, CHEAPER),
        *traffic(NOW, 60, replace(LONGER, requests=0, status="error")),
        *traffic(NOW, 50, replace(SMALL, endpoint="search")),
    ]


def test_the_document_shows_the_answer_of_its_example(migrated_database: str) -> None:
    fill(migrated_database, example())
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        answer = compare(connection, QUESTION)
        checkout = compare(connection, QUESTION._replace(focus=Focus(endpoint="checkout")))
    out = StringIO()
    show(Console(file=out, width=170, highlight=False), QUESTION, answer)
    document = DOCUMENT.read_text()
    shown = out.getvalue().replace(f"Next: {program()} ", "Next: spanledger ")  # as it is called here
    missing = [line for line in shown.splitlines() if line.rstrip() not in document]
    assert not missing, shown
    total = checkout.total
    assert total is not None
    for term in ("volume", "attempts", "mix", "tokens", "price"):
        assert f"| {term} | {total.term(term):+.12f} |" in document, (term, total.term(term))
    assert f"| **change** | **{total.delta_usd:+.12f}** |" in document
