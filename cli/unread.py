"""`spanledger unread`: whose usage no rule reads, and the mapping that would read it."""

from __future__ import annotations

from cli import backlog, options
from operations import query as ledger
from operations.format import instant, number
from operations.query import Row
from operations.terminal import Column
from receiver.dialects.guess import mapping, snippet

_NOTES = (
    "What these spans cost is unknown and in no total; totals of their services say ≥.",
    "",
    "To read them, complete this entry of your configuration, try it with "
    "`spanledger inspect --config FILE PAYLOAD`, and start the service again. If the emitter is public, "
    "report its name, version and keys as well (docs/instrumenting.md).",
    "",
)
_COLUMNS = (
    Column("emitter", style="bold"),
    Column("version", rank=2),
    Column("service"),
    Column("environment", rank=4),
    Column("data mode", rank=5),
    Column("spans", figures=True),
    Column("first seen", rank=3),
    Column("last seen", rank=1),
    Column("unread keys", wraps=True),
)

app = options.app()


@app.command()
@options.grouped
def unread(
    *,
    filters: options.Filters,
    as_yaml: backlog.AsYaml = False,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List the emitters whose usage no rule reads, in all environments and data modes unless filtered.

    Their spans carry token counts, or a model and a provider. What they cost is in no total, and every
    total of their service says "at least".
    """
    with given.connected() as connection:
        rows = [row for row in ledger.rows(connection, "unread") if filters.lets_through(row)]
    emitters = list(dict.fromkeys((row["scope"], row["version"], tuple(row["keys"])) for row in rows))
    backlog.show(
        backlog.Backlog(
            title="Usage that no rule reads",
            empty="Every count that came in was read.",
            columns=_COLUMNS,
            rows=[_cells(row) for row in rows],
            document=[
                ledger.call_json(row) | {"mapping": mapping(row["scope"], row["keys"])} for row in rows
            ],
            notes=_NOTES,
            entry=snippet(emitters),
        ),
        as_yaml,
        as_json,
    )


def _cells(row: Row) -> list[str]:
    return [
        row["scope"] or "(no scope)",
        row["version"],
        row["service_name"],
        row["environment"],
        row["data_mode"],
        number(row["spans"]),
        instant(row["first_seen"]),
        instant(row["last_seen"]),
        ", ".join(row["keys"]),
    ]
