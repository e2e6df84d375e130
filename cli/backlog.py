"""What `unpriced` and `unread` share: a list of what is missing, and the file entry that would fix it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer

from cli import options
from operations.terminal import Column, console, print_json, show_table

AsYaml = Annotated[bool, typer.Option("--yaml", help="Print the entry for the file, to check and complete.")]


class Backlog(NamedTuple):
    """A list of what is missing.

    Attributes:
        empty: the sentence when nothing is.
        notes: what stands between the table and the entry.
        entry: what to put into a file; empty when nothing can be put there.
    """

    title: str
    empty: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    document: Sequence[object]
    notes: Sequence[str]
    entry: str


def show(backlog: Backlog, as_yaml: bool, as_json: bool) -> None:
    """Print it as a table, as JSON, or the entry alone.

    Raises:
        typer.BadParameter: both formats are asked for.
    """
    options.at_most_one({"--yaml": as_yaml, "--json": as_json})
    out = console()
    if as_json:
        print_json(backlog.document)
    elif as_yaml:
        typer.echo(backlog.entry, nl=False)
    elif not backlog.rows:
        out.print(backlog.empty)
    else:
        show_table(out, backlog.columns, backlog.rows, title=backlog.title)
        for note in backlog.notes:
            out.print(note, markup=False)
        out.out(backlog.entry, highlight=False)
