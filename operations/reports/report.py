"""What every report is made of, and how it is written: for a terminal, as Markdown, as JSON, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from operations.format import printable
from operations.terminal import Column
from storage.statements import statements_beside

_query = statements_beside(__file__)

Connection = psycopg.Connection[Any]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report, its cells as people read them."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        facts: lines of a name and a text.
        document: the same for programs, in the public names, every digit kept.
        csv_rows: the rows of `document` that make its table.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    document: Mapping[str, Any]
    csv_rows: Sequence[Mapping[str, object]] = field(default_factory=list)


def markdown(report: Report) -> str:
    """The report as Markdown: for a mail, a wiki or a pull request."""
    lines = [f"# {_plain(report.title)}", ""]
    lines += [f"- **{_plain(name)}:** {_plain(text)}" for name, text in report.facts]
    for table in report.tables:
        lines += ["", f"## {_plain(table.title)}", ""]
        lines.append(_line(column.title for column in table.columns))
        lines.append(_line("---:" if column.figures else "---" for column in table.columns))
        lines += [_line(row) for row in table.rows]
    return "\n".join(lines) + "\n"


def _line(cells: Any) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _plain(text: str) -> str:
    """Text from outside without what Markdown or HTML would read as more than text."""
    shown = printable(text)
    for mark in ("\\", "|", "`", "*", "_", "[", "]", "<", ">"):
        shown = shown.replace(mark, f"\\{mark}") if mark != "<" else shown.replace("<", "&lt;")
    return shown


def csv_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as CSV with a header; what is not known is empty."""
    out = io.StringIO()
    if rows:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([["" if value is None else value for value in row.values()] for row in rows])
    return out.getvalue()


def read(connection: Connection, name: str, **values: object) -> list[Row]:
    """The rows of a statement in `queries.sql`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_query(name), values).fetchall()
