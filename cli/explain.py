"""`spanledger explain`: why a call costs what it costs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import options
from operations import query as ledger
from operations.explain.price_doubts import doubts, why_without_price
from operations.query import Row
from operations.terminal import Column, console, exact_usd, number, print_json, printable, public, show_table
from processor.calls.errors import BadData

_MANY = 20
"""Calls explained at once; a request rarely has more."""

_USAGE = (
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens",
    "reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "input_image_tokens",
    "output_image_tokens", "input_cached_audio_tokens", "input_cached_image_tokens",
)  # fmt: skip
_WITHOUT_COST = {
    "unpriced_model": "No price is known for this model: unknown, not zero; see `spanledger unpriced`.",
    "no_usage": "The span reported no token counts, so nothing can be priced.",
    "bad_usage": "The token counts contradict each other (negative, absurd, or a part above its total).",
    "error_without_usage": "The call failed without token counts; providers do not bill that.",
}


app = options.app()


@app.command()
@options.grouped
def explain(
    *,
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="Span, trace, request, response id, or call key.")
    ],
    window: options.LongWindow,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Show a call's bill: usage with the attribute it was read from, price with its source, the sum.

    The sum is computed again from the row and the stored price, and held against what was booked.
    """
    lower, upper = window.bounds()
    with given.connected() as connection:
        calls = ledger.rows(
            connection, "find_calls", id=identifier, limit=_MANY, **{"from": lower, "to": upper}
        )
        for call in calls:
            call["bill"] = ledger.rows(connection, "explain", call_key=call["call_key"], time=call["time"])
    if not calls:
        between = f"{lower:%Y-%m-%d %H:%M} and {upper:%Y-%m-%d %H:%M} UTC"
        raise BadData("ID", f"no call of {identifier!r} started between {between}; --last looks further back")
    if as_json:
        _print_json(calls)
        return
    for call in calls:
        _print(call)


def _print_json(calls: list[Row]) -> None:
    print_json([_call_json(call) for call in calls])


def _call_json(call: Row) -> dict[str, object]:
    """The call, and the lines of its bill without the field that only the views need."""
    bill = [{name: value for name, value in line.items() if name != "field"} for line in call["bill"]]
    shown: dict[str, object] = public(call | {"bill": bill})
    return shown


def _whole(pico_usd: Any) -> str | None:
    return None if pico_usd is None else exact_usd(int(pico_usd))


def _print(call: Row) -> None:
    out = console()
    out.print(printable(f"{call['provider']} {call['model']}"), style="bold", markup=False, end="  ")
    out.print(
        printable(f"{call['time']:%Y-%m-%d %H:%M:%S} UTC · {call['status']} · {call['operation']} · "
                  f"span {call['span_id'] or '—'} · request {call['external_request_id'] or '—'}"),
        markup=False,
    )  # fmt: skip
    out.print(printable(_tags(call)), markup=False, style="dim")
    if call["cost_pico_usd"] is None:
        _print_usage(call)
        out.print(_without_cost(call), style="yellow")
    else:
        _print_bill(call)
        _print_price(call)
    out.print()


def _without_cost(call: Row) -> str:
    reasons = why_without_price(call["flags"]) if call["price_status"] == "unpriced_model" else []
    if not reasons:
        return _WITHOUT_COST[call["price_status"]]
    return (
        f"{' '.join(reasons)} The known prices may be of another order (docs/pricing.md): unknown, not zero."
    )


def _tags(call: Row) -> str:
    return (
        f"endpoint {call['endpoint_tag']} · prompt {call['prompt_version']} · tenant {call['tenant_id']} · "
        f"user {call['user_id']} · {call['environment']}/{call['data_mode']} · "
        f"read by dialect {call['dialect'] or '—'}"
    )


def _print_bill(call: Row) -> None:
    columns = [
        Column("part", style="bold"),
        *(Column(name, figures=True) for name in ("tokens", "USD per million", "USD")),
        Column("read from", rank=1, wraps=True),
    ]
    cells = [
        [line["part"], number(line["tokens"]), _per_million(line["pico_usd_per_token"], line["part"]),
         exact_usd(int(line["cost_pico_usd"])) or "", line["attribute"] or ""]
        for line in call["bill"]
    ]  # fmt: skip
    out = console()
    show_table(out, columns, cells, footer=["sum", "", "", exact_usd(call["cost_pico_usd"]) or "", ""])
    if call["agrees"]:
        out.print(
            "✓ computed again from the row and the stored price: the same to the last digit", style="green"
        )
    else:
        again = _whole(call["recomputed_pico_usd"])
        out.print(f"✗ computed again it is {again} USD: row and stored price disagree", style="bold red")


def _per_million(pico_usd_per_token: int, part: str) -> str:
    if part == "call":
        return f"{exact_usd(pico_usd_per_token)} a call"
    return exact_usd(pico_usd_per_token * 1_000_000) or ""


def _print_price(call: Row) -> None:
    out = console()
    tier = f", tier {call['price_service_tier']}" if call["price_service_tier"] else ""
    above = (
        f", above {call['threshold_tokens']:,} input tokens" if call["threshold_tokens"] is not None else ""
    )
    since = f", from {call['valid_from']:%Y-%m-%d}" if call["valid_from"] else ""
    checked = f", checked {call['price_checked_at']:%Y-%m-%d}" if call["price_checked_at"] else ""
    price = (
        f"price: {call['price_provider']} {call['price_model']}{tier}{above}{since} — {call['price_source']}"
    )
    out.print(printable(f"{price}{checked} (vector {call['price_vector_id']})"), markup=False)
    if call["price_source_url"]:
        out.print(printable(call["price_source_url"]), markup=False, style="cyan")
    _print_notes(call)


def _print_notes(call: Row) -> None:
    out = console()
    if call["price_status"] == "estimated":
        out.print("The token counts are an estimate, and so is the cost.", style="yellow")
    for doubt in doubts(call["flags"]):
        out.print(f"≥ {doubt}", style="yellow")
    if call["first_cost_pico_usd"] != call["cost_pico_usd"]:
        first = exact_usd(call["first_cost_pico_usd"])
        out.print(f"At ingest it was booked {'without a cost' if first is None else f'with {first} USD'};"
                  " it was changed since (genai.ledger_line).", style="yellow")  # fmt: skip


def _print_usage(call: Row) -> None:
    read = {line[0]: line[1] for line in call["sources"] or []}
    cells = [[name, number(call[name]), read.get(name, "")] for name in _USAGE if call[name] is not None]
    if cells:
        columns = [Column("usage"), Column("tokens", figures=True), Column("read from", rank=1, wraps=True)]
        show_table(console(), columns, cells)
