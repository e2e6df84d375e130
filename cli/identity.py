"""`spanledger identity`: under which form is somebody stored, and to whom do stored calls belong?"""

from __future__ import annotations

from typing import Annotated

import typer

from cli import identity_moves, options
from operations.terminal import print_json
from processor.calls.identity import Protector
from service.identity_keys import load_identity_rules

app = options.app(help="Show how users and tenants are stored; move calls between tenants.")


@app.command("hash")
@options.grouped
def hash_value(
    *,
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="The value as applications send it; `-` reads stdin.")
    ],
    kind: Annotated[
        str, typer.Option("--kind", help="user or tenant.", parser=options.one_of("kind", "user", "tenant"))
    ] = "user",
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Print the stored form of a value, as the ledger and its dashboards show it.

    With --json also every earlier form: under older keys, and plain. Refuses without the service's key: a
    new one would print a hash that no ledger holds.
    """
    rules = load_identity_rules(given.load(), create=False)
    protector = rules.user if kind == "user" else rules.tenant
    text = typer.get_text_stream("stdin").read() if value == "-" else value
    if as_json:
        print_json(_forms(protector, text, kind))
    else:
        typer.echo(protector(text).stored or "unknown")


@app.command("map")
@options.grouped
def remap(
    *,
    apply: options.Apply = False,
    why: options.Why = "",
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Show which stored calls `identities.yaml` assigns to another tenant, by day and tenant.

    With --apply the file takes effect at once, for new calls as well, and these calls move. Calls whose own
    spans name a tenant stay where they are. No count and no cost changes.
    """
    moves = identity_moves.run(given.load(), apply, why)
    identity_moves.print_json(moves) if as_json else identity_moves.show(moves)


def _forms(protector: Protector, text: str, kind: str) -> dict[str, object]:
    stored, raw = protector(text)
    return {
        "kind": kind,
        "mode": str(protector.mode),
        "stored": stored,
        "rawIdentity": raw,
        "storedForms": protector.stored_forms(text),
    }
