"""`spanledger identity`: under which form is somebody stored, and to whom do stored calls belong?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options

if TYPE_CHECKING:
    from processor.calls.identity import Protector


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(
        help="How users and tenants are stored, and which tenant users belong to.", no_args_is_help=True
    )
    app.add_typer(group, name="identity", rich_help_panel="Look closer")

    @group.callback()
    def top() -> None:
        """How users and tenants are stored, and which tenant users belong to."""

    @group.command("hash")
    def hash_value(
        value: Annotated[str, typer.Argument(help="The value as applications send it; `-` reads stdin.")],
        kind: Annotated[str, typer.Option("--kind", help="user or tenant.")] = "user",
        as_json: options.AsJson = False,
        config: options.ConfigFile = None,
        data_dir: Annotated[
            Path | None, typer.Option("--data-dir", help="Where `identity.key` lies.", metavar="DIR")
        ] = None,
    ) -> None:
        """Print the stored form of a value, as the ledger and its dashboards show it.

        With --json also every earlier form: under older keys, and plain. Refuses without the service's key: a
        new one would print a hash that no ledger holds.
        """
        from operations.terminal import print_json
        from service.identity_keys import load_identity_rules

        if kind not in ("user", "tenant"):
            raise typer.BadParameter(f"expected user or tenant, not {kind!r}", param_hint="--kind")
        rules = load_identity_rules(options.configuration(config, data_dir=data_dir), create=False)
        protector = rules.user if kind == "user" else rules.tenant
        text = typer.get_text_stream("stdin").read() if value == "-" else value
        if as_json:
            print_json(_forms(protector, text, kind))
        else:
            typer.echo(protector(text).stored or "unknown")

    @group.command("map")
    def remap(
        apply: Annotated[bool, typer.Option("--apply", help="Do it; without it nothing is changed.")] = False,
        why: Annotated[str, typer.Option(help="The reason, for the ledger's book.", metavar="TEXT")] = "",
        as_json: options.AsJson = False,
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """Show which stored calls `identities.yaml` assigns to another tenant, by day and tenant.

        With --apply the file is in force at once, also for what comes, and these calls move. Calls whose own
        spans name a tenant stay; no count and no cost changes.
        """
        from cli import identity_moves

        moves = identity_moves.run(options.configuration(config, database_url, data_dir), apply, why)
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
