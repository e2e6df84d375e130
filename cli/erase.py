"""`spanledger erase`: a person or a tenant out of the ledger, or all test or demo calls."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import options
from operations.format import counted
from operations.terminal import Column, console, exact_usd, number, print_json, public, show_table
from processor.calls.identity import Kind
from service import database
from service.config import Config
from service.identity_keys import load_identity_rules
from storage.journal import erasure
from storage.journal.erasure import Erased, Identity, Reach

_SETTLE_SECONDS = 4.0
"""Running receivers reread the list of erased values every three seconds."""


app = options.app()


@app.command()
@options.grouped
def erase(
    *,
    user: Annotated[
        str | None,
        typer.Option(help="A user, as sent or as stored; `-` reads stdin.", metavar="VALUE"),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="The same for a tenant.", metavar="VALUE")] = None,
    data_mode: Annotated[
        str | None,
        typer.Option(
            help="All calls of test or demo; real is never erased.",
            metavar="MODE",
            parser=options.one_of("data mode", "test", "demo"),
        ),
    ] = None,
    apply: options.Apply = False,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Erase a user or tenant (no figure changes), or every call of a data mode.

    Only counts what it would reach until --apply is given. Erasing cannot be undone.
    """
    asked = {"user": user, "tenant": tenant, "data mode": data_mode}
    named = {name: value for name, value in asked.items() if value is not None}
    if len(named) != 1:
        raise typer.BadParameter("give one of --user, --tenant and --data-mode")
    ((what, value),) = named.items()
    settings = given.load()
    reach, erased = _erase(settings, what, value, apply)
    if as_json:
        print_json({"what": what, "reach": public(reach), "erased": public(erased)})
    else:
        _print(what, reach, erased)


def _erase(config: Config, what: str, value: str, apply: bool) -> tuple[Reach, Erased | None]:
    dsn = database.database_url(config)
    identity = None if what == "data mode" else _identity(config, what, value)
    with database.connected(config) as connection:
        if identity is None:
            reach = erasure.reach_of_data_mode(connection, value)
        else:
            reach = erasure.reach_of_identity(connection, identity)
    if not apply:
        return reach, None
    by = "spanledger erase"
    if identity is None:
        return reach, erasure.erase_data_mode(dsn, value, by=by)
    return reach, erasure.erase_identity(dsn, identity, by=by, settle_seconds=_SETTLE_SECONDS)


def _identity(config: Config, kind: str, value: str) -> Identity:
    text = (typer.get_text_stream("stdin").read() if value == "-" else value).strip()
    rules = load_identity_rules(config, create=False)
    protector = rules.user if kind == "user" else rules.tenant
    if protector(text).stored is None:
        raise typer.BadParameter(f"names nobody: {text!r} is stored as unknown", param_hint=f"--{kind}")
    return Identity(Kind(kind), protector.stored_forms(text))


def _print(what: str, reach: Reach, erased: Erased | None) -> None:
    out = console()
    rows = [[name, number(count)] for name, count in reach._asdict().items()]
    show_table(out, [Column("what it reaches"), Column("rows", figures=True)], rows)
    if erased is None:
        out.print("Dry run, nothing changed. Add --apply to erase; this cannot be undone.", style="yellow")
    elif what == "data mode":
        cost = exact_usd(-erased.cost_pico_usd)
        out.print(f"Deleted {counted(erased.calls, 'call')} (${cost}).", markup=False)
    else:
        out.print(
            f"Erased. {counted(erased.calls, 'stored call')} now without an identity (`__erased__`); "
            "no figure changed."
        )
