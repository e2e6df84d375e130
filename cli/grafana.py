"""`spanledger grafana push|diff|export`: the dashboards in a Grafana that is already there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from dashboards.alerts import files as alerting
from dashboards.alerts.routing import missing
from dashboards.files import export as write_files
from dashboards.files import names
from operations.terminal import Column, console, print_json, show_table

if TYPE_CHECKING:
    from dashboards.push import Difference

Prefix = Annotated[
    str, typer.Option(help="Prefix of every uid, for several installations in one Grafana.", metavar="NAME")
]
Folder = Annotated[
    str | None, typer.Option(help="Title of the folder; else Spanledger and the prefix.", metavar="TITLE")
]
DatasourceUid = Annotated[
    str | None,
    typer.Option("--datasource-uid", help="The data source to ask; else [PREFIX-]spanledger.", metavar="UID"),
]
_SHOWN = 3


app = options.app(
    help="Put the dashboards into a Grafana (GRAFANA_URL, GRAFANA_TOKEN), or write them as plain files."
)


@app.command()
def diff(
    prefix: Prefix = "",
    folder: Folder = None,
    datasource_uid: DatasourceUid = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what a push would change; it changes nothing. Exit code 1 when something differs."""
    from dashboards.push import from_environment  # needs an extra, which `export` works without

    with from_environment() as grafana:
        found = grafana.differences(names(prefix, folder, datasource_uid))
    _show(
        found,
        as_json,
        {"new": "would be added", "changed": "would be changed", "same": "unchanged"},
    )
    raise typer.Exit(any(difference.state != "same" for difference in found))


@app.command()
def push(
    prefix: Prefix = "",
    folder: Folder = None,
    datasource_uid: DatasourceUid = None,
    as_json: options.AsJson = False,
) -> None:
    """Write what differs: folder and dashboards. Nothing is deleted; a second push changes nothing."""
    from dashboards.push import from_environment  # needs an extra, which `export` works without

    with from_environment() as grafana:
        done = grafana.push(names(prefix, folder, datasource_uid))
    _show(done, as_json, {"new": "added", "changed": "changed", "same": "unchanged"})


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Created if missing.")],
    prefix: Prefix = "",
    folder: Folder = None,
    datasource_uid: DatasourceUid = None,
    observe: Annotated[
        bool, typer.Option("--observe", help="Send every alert to the inbox only, whatever its severity.")
    ] = False,
) -> None:
    """Write dashboards, alert rules and provisioning as files for a sidecar, Terraform or git.

    A channel whose variable is not set (LEDGER_PAGERDUTY_KEY, LEDGER_SLACK_URL, LEDGER_ALERT_EMAIL,
    LEDGER_ALERT_WEBHOOK_URL) is left out with a warning: Grafana would not start with an empty address. The
    files name the variables, never their values. No Grafana is needed.
    """
    named = names(prefix, folder, datasource_uid)
    for path in write_files(directory, named):
        typer.echo(path)
    for path in alerting.write(directory / "provisioning" / "alerting", named, os.environ, observe):
        typer.echo(path)
    for sentence in () if observe else missing(os.environ):
        typer.echo(f"warning: {sentence}", err=True)


def _show(found: list[Difference], as_json: bool, words: dict[str, str]) -> None:
    if as_json:
        print_json([difference._asdict() for difference in found])
        return
    rows = [
        [
            difference.kind, difference.uid, difference.title, words[difference.state],
            ", ".join(difference.places[:_SHOWN])
            + (f" and {len(difference.places) - _SHOWN} more" if len(difference.places) > _SHOWN else ""),
        ]
        for difference in found
    ]  # fmt: skip
    columns = [
        Column("what"), Column("uid", style="bold"), Column("title", rank=1), Column(""),
        Column("where", rank=2, wraps=True),
    ]  # fmt: skip
    show_table(console(), columns, rows)
