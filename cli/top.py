"""`spanledger top`: where the money went."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options

if TYPE_CHECKING:
    from operations.query import Row, Window


class Dimension(StrEnum):
    """What spend can be listed by."""

    endpoint = "endpoint"
    prompt = "prompt"
    user = "user"
    tenant = "tenant"
    model = "model"


_WITHIN = {
    "prompt": ("endpoint", "endpointTag"),
    "user": ("tenant", "tenantId"),
    "model": ("provider", "provider"),
}
_JSON_NAME = {"endpoint": "endpointTag", "prompt": "promptVersion", "user": "userId", "tenant": "tenantId"}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(rich_help_panel="Ask the ledger")
    def top(
        dimension: Annotated[Dimension, typer.Argument(help="What to list.")],
        last: options.Last = "24h",
        start: options.From = None,
        end: options.To = None,
        environment: options.Environment = "prod",
        data_mode: options.DataMode = "real",
        as_of: options.AsOf = None,
        limit: Annotated[int, typer.Option(help="Rows at most; the total counts all.", min=1)] = 20,
        as_json: options.AsJson = False,
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """List spend by endpoint, prompt version, user, tenant or model, most expensive first."""
        from operations import query as ledger
        from service import database

        asked = ledger.Window(*options.bounds(last, start, end), environment, data_mode)
        with database.connected(options.configuration(config, database_url, data_dir)) as connection:
            if as_of is not None:
                from operations.spend import as_of as believed

                named = start is not None or end is not None
                believed.show(connection, believed.question(asked, dimension, as_of, named), as_json)
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
    from operations.exactness import at_least

    return at_least(row["unpriced_calls"], row["uncertain_calls"], row.get("unread_spans", 0))


def _measures(row: Row, total: Row) -> dict[str, object]:
    from operations.terminal import exact_usd, ratio

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
    from operations.terminal import console, printable

    console().print(printable(notice), style="yellow", markup=False)


def _print_json(
    dimension: str, window: Window, rows: list[Row], limit: int, unread: int, notice: str | None
) -> None:
    from operations.terminal import print_json

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
    from operations.exactness import reasons
    from operations.terminal import Column, console, number, percent, printable, ratio, table, usd

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
    from operations.terminal import printable

    return printable(
        f"Spend by {'prompt version' if dimension == 'prompt' else dimension} · "
        f"{window.start:%Y-%m-%d %H:%M} – {window.end:%Y-%m-%d %H:%M} UTC · "
        f"environment {window.environment} · data mode {window.data_mode}"
    )


def _print_nothing(window: Window, elsewhere: list[Row], unread: int) -> None:
    from operations.exactness import reasons
    from operations.terminal import Column, console, instant, number, table

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
