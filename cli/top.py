"""`spanledger top`: where the money went."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cli import options
from operations import query as ledger
from operations.exactness import at_least, reasons
from operations.query import Row, Window
from operations.spend import as_of as believed
from operations.terminal import (
    Column,
    console,
    exact_usd,
    instant,
    number,
    percent,
    print_json,
    printable,
    ratio,
    table,
    usd,
)

_WITHIN = {
    "prompt": ("endpoint", "endpointTag"),
    "user": ("tenant", "tenantId"),
    "model": ("provider", "provider"),
}
_JSON_NAME = {"endpoint": "endpointTag", "prompt": "promptVersion", "user": "userId", "tenant": "tenantId"}


app = options.app()


@app.command()
@options.grouped
def top(
    *,
    named: Annotated[str, typer.Argument(help="What to list.", metavar="DIMENSION")],
    span: options.Window,
    filters: options.Filters,
    as_of: Annotated[
        datetime | None,
        options.moment_option("Figures as recorded at this moment (by model, whole days).", "--as-of"),
    ] = None,
    limit: options.Limit = 20,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List spend by endpoint, prompt version, user, tenant or model, most expensive first."""
    dimension = options.one_of("dimension", "endpoint", "prompt", "user", "tenant", "model")(named)
    asked = ledger.Window(*span.bounds(), *filters.place())
    with given.connected() as connection:
        if as_of is not None:
            is_named = span.start is not None or span.end is not None
            believed.show(connection, believed.question(asked, dimension, as_of, is_named), as_json)
            return
        used, rows = ledger.top(connection, dimension, asked)
        unread = ledger.unread_spans(connection, used)
        notice = ledger.folded_notice(connection, used)
        elsewhere = [] if rows else ledger.rows(connection, "elsewhere")
    if as_json:
        _print_json(dimension, used, rows, limit, unread, notice)
        return
    if rows:
        _print_table(dimension, used, rows, limit, unread)
    else:
        _print_nothing(used, [] if notice else elsewhere, unread)
    if notice:
        _print_notice(notice)


def _total(rows: list[Row], unread: int) -> Row:
    """The sums of all rows; what no rule reads is nobody's and stands in the total alone."""
    counts = (
        "calls", "requests", "successes", "errors", "input_tokens", "output_tokens", "cost_pico_usd",
        "unpriced_calls", "uncertain_calls",
    )  # fmt: skip
    return {name: sum(row[name] for row in rows) for name in counts} | {"unread_spans": unread}


def _at_least(row: Row) -> bool:
    return at_least(row["unpriced_calls"], row["uncertain_calls"], row.get("unread_spans", 0))


def _measures(row: Row, total: Row) -> dict[str, object]:
    cost, whole = row["cost_pico_usd"], total["cost_pico_usd"]
    return {
        "costUsd": exact_usd(cost),
        "atLeast": _at_least(row),
        "share": round(cost / whole, 6) if whole else None,
        "costPerRequestUsd": exact_usd(ratio(cost, row["requests"])),
        "calls": row["calls"],
        "requests": row["requests"],
        "successes": row["successes"],
        "errors": row["errors"],
        "inputTokens": row["input_tokens"],
        "outputTokens": row["output_tokens"],
        "unpricedCalls": row["unpriced_calls"],
        "uncertainCalls": row["uncertain_calls"],
        "uncertainShare": round(row["uncertain_calls"] / row["calls"], 6) if row["calls"] else None,
    }


def _family(row: Row) -> dict[str, object]:
    """A model's family and what became of its calls: a failed call names the model that was asked for."""
    return {
        "family": row["family"],
        "familyCalls": row["family_calls"],
        "familySuccesses": row["family_successes"],
    }


def _print_notice(notice: str) -> None:
    console().print(printable(notice), style="yellow", markup=False)


def _print_json(
    dimension: str, window: Window, rows: list[Row], limit: int, unread: int, notice: str | None
) -> None:
    total = _total(rows, unread)
    within = _WITHIN.get(dimension, ("", ""))[1]
    print_json(
        {
            "dimension": dimension,
            "from": window.start,
            "to": window.end,
            "environment": window.environment,
            "dataMode": window.data_mode,
            "notice": notice,
            "rows": [
                {_JSON_NAME.get(dimension, dimension): row["name"]}
                | ({within: row["within"]} if within else {})
                | ({"label": row["label"]} if "label" in row else {})
                | _measures(row, total)
                | (_family(row) if dimension == "model" else {})
                for row in rows[:limit]
            ],
            "total": _measures(total, total) | {"unreadSpans": unread},
        }
    )


def _print_table(dimension: str, window: Window, rows: list[Row], limit: int, unread: int) -> None:
    total = _total(rows, unread)
    within = _WITHIN.get(dimension, ("", ""))[0]
    heads = [Column(within)] if within else []
    columns = [
        *heads,
        Column(dimension if dimension != "prompt" else "prompt version", style="bold"),
        *(Column(name, figures=True) for name in ("spend", "share", "per request", "requests", "calls")),
        *(Column(name, figures=True) for name in ("errors", "input", "output")),
        *([Column("answered", figures=True)] if dimension == "model" else []),
    ]

    def cells(row: Row) -> list[str]:
        at_least = _at_least(row)
        return [
            usd(row["cost_pico_usd"], at_least=at_least),
            percent(row["cost_pico_usd"], total["cost_pico_usd"]),
            usd(ratio(row["cost_pico_usd"], row["requests"]), 6, at_least),
            *(number(row[name]) for name in ("requests", "calls", "errors", "input_tokens", "output_tokens")),
        ]

    def answered(row: Row) -> list[str]:
        """The share of the family's calls that succeeded, on each of its models."""
        return [percent(row["family_successes"], row["family_calls"])] if dimension == "model" else []

    shown = table(
        columns,
        [
            [*([row["within"]] if within else []), _named(row), *cells(row), *answered(row)]
            for row in rows[:limit]
        ],
        title=_describe(dimension, window),
    )
    shown.show_footer = True
    whole = total | {"family_calls": total["calls"], "family_successes": total["successes"]}
    footers = [*([""] if within else []), _counted(len(rows), limit), *cells(total), *answered(whole)]
    for column, footer in zip(shown.columns, footers, strict=True):
        column.footer = printable(footer)
    out = console()
    out.print(shown)
    if doubts := reasons(total):
        out.print(f"≥ says “at least”: {' and '.join(doubts)}.", style="yellow")


def _named(row: Row) -> str:
    """A user or tenant with the label that `identities.yaml` gives it."""
    name: str = row["name"]
    return f"{row['label']} ({name})" if row.get("label") else name


def _counted(rows: int, limit: int) -> str:
    return f"total of {rows}" if rows <= limit else f"total of {rows} ({rows - limit} not shown)"


def _describe(dimension: str, window: Window) -> str:
    return printable(
        f"Spend by {'prompt version' if dimension == 'prompt' else dimension} · "
        f"{window.start:%Y-%m-%d %H:%M} – {window.end:%Y-%m-%d %H:%M} UTC · "
        f"environment {window.environment} · data mode {window.data_mode}"
    )


def _print_nothing(window: Window, elsewhere: list[Row], unread: int) -> None:
    out = console()
    out.print(
        f"No call between {window.start:%Y-%m-%d %H:%M} and {window.end:%Y-%m-%d %H:%M} UTC with environment "
        f"{window.environment} and data mode {window.data_mode}.",
        markup=False,
    )
    if unread:
        out.print(f"≥ says “at least”: {reasons({'unread_spans': unread})[0]}.", style="yellow")
    if elsewhere:
        columns = [
            Column("--env"),
            Column("--data-mode"),
            Column("calls", figures=True),
            Column("last hour seen"),
        ]
        cells = [
            [row["environment"], row["data_mode"], number(row["calls"]), instant(row["last_seen"])]
            for row in elsewhere
        ]
        out.print(table(columns, cells, title="What the ledger holds"))
