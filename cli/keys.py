"""`spanledger keys`: who may send and read."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import options
from operations import query as ledger
from operations.terminal import DASH, Column, console, instant, print_json, show_table
from service import database, keys
from storage.schema.migrate import migrate

app = options.app(help="Make, list and revoke API keys.")


@app.command("create")
@options.grouped
def create(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is: a service, a team.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="ingest, inbox, read, operate or admin; repeat it for several. [ingest]",
            parser=options.one_of("scope", *keys.SCOPES),
        ),
    ] = None,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Create a key and show it once. From the first key on, every sender needs one."""
    scopes = scope or ["ingest"]
    settings = given.load()
    migrate(database.database_url(settings))  # the first key may come before the first start
    with database.connected(settings) as connection:
        identifier, secret = keys.create(connection, name, scopes)
    if as_json:
        print_json({"id": identifier, "name": name, "scopes": scopes, "key": secret})
        return
    print(secret)
    notes = console(stderr=True)
    notes.print(f"Key {identifier} with {', '.join(scopes)}: shown this once and stored as a hash only.")
    notes.print(
        f'Send it as  OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20{secret[:6]}…"',
        soft_wrap=True,
    )


@app.command("list")
@options.grouped
def list_(
    *,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List the keys; their secrets cannot be shown again."""
    with given.connected() as connection:
        found = keys.listed(connection)
    if as_json:
        print_json([ledger.call_json(key._asdict()) for key in found])
        return
    if not found:
        console().print("No key exists: senders on this machine need none, others cannot reach the service.")
        return
    columns = [
        Column("id"), Column("name", style="bold"), Column("scopes", rank=1), Column("created", rank=3),
        Column("last used", rank=2), Column("state"),
    ]  # fmt: skip
    cells = [
        [
            key.id,
            key.name,
            ", ".join(key.scopes),
            instant(key.created_at),
            instant(key.last_used_at) if key.last_used_at else DASH,
            f"revoked {instant(key.revoked_at)}" if key.revoked_at else "valid",
        ]
        for key in found
    ]
    show_table(console(), columns, cells)


@app.command("revoke")
@options.grouped
def revoke(
    *,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The id that `keys list` shows.")],
    given: options.Settings,
) -> None:
    """Revoke a key; running services refuse it within three seconds."""
    with given.connected() as connection:
        done = keys.revoke(connection, identifier)
    if not done:
        console(stderr=True).print(f"No valid key has the id {identifier}.", markup=False)
        raise typer.Exit(1)
    console().print(f"Key {identifier} is revoked.", markup=False)
