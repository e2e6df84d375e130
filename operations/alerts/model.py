"""The rules asked through the functions that Grafana asks: rows, sentences, and instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from processor.alerting.catalogue import RULES, Place, Rule
from processor.alerting.states import Labels
from storage.statements import statements_beside

_query = statements_beside(__file__)

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a rule's function (`genai.alert_row`): a combination with its score.

    Attributes:
        env: '' in the quiet row, which every rule returns last.
        scope: what the rule says of itself beside the dimensions: a reason, a level, a budget.
        baseline: hours back; 0 for the equal window before, -1 for none.
    """

    env: str
    data_mode: str
    service: str
    endpoint: str
    prompt_version: str
    tenant: str
    user: str
    model: str
    scope: str
    owner: str
    score: float
    value: float
    threshold: float
    baseline: float
    window_from: datetime
    window_to: datetime

    def labels(self, rule: Rule) -> Labels:
        """What tells this instance of the rule from others, by name."""
        names = ("data_mode", "env", "owner", *rule.labels)
        return tuple(sorted((name, str(getattr(self, name))) for name in names))


class Detail(NamedTuple):
    """What goes with a row.

    Attributes:
        sentence, kind: what changed and its class; '' where the rule is not about spend.
        query: the parameters of a link to the comparison of its window.
        runbook: address of the runbook, '' where none is known.
    """

    sentence: str
    kind: str
    query: str
    runbook: str


class Asked(NamedTuple):
    """A rule at a place, with its rows; the quiet one is left out."""

    rule: Rule
    place: Place
    rows: list[Row]


def ask(connection: Connection, rule: Rule, place: Place, now: datetime) -> Asked:
    """Evaluate one rule.

    Raises:
        psycopg.Error: the ledger cannot be read.
    """
    statement = _query("rule_rows").replace(b"THE_RULE", f"genai.alert_{rule.id}".encode())
    cursor = connection.cursor(row_factory=class_row(Row))
    rows = cursor.execute(statement, {"now": now, "place": place.value}).fetchall()
    return Asked(rule, place, [row for row in rows if row.env])


def ask_all(connection: Connection, now: datetime, rules: Sequence[Rule] = RULES) -> list[Asked]:
    """Evaluate every rule in one snapshot."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return [ask(connection, rule, place, now) for rule in rules for place in rule.places]


def detail(connection: Connection, rule: Rule, row: Row) -> Detail:
    """The sentence and the link of a row."""
    found = connection.execute(_query("detail"), asdict(row) | {"rule": rule.id}).fetchone()
    return Detail(*found) if found else Detail("", "", "", "")


def summary(rule: Rule, row: Row) -> str:
    """The rule's numbers in a sentence."""
    return rule.summary.format_map(asdict(row))
