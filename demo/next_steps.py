"""The end of the demo's screen: what the ledger says about each incident, and commands to type next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from demo.alerts import Alert
from demo.findings import Told
from demo.plan import Plan
from demo.screen import section
from demo.settings import CONFIG
from operations.format import printable, span


def stories(told: Sequence[Told]) -> RenderableType:
    """Each incident in the ledger's own words, with the window that was asked for."""
    return section("What changed, in the ledger's own words", Group(*map(_story, told)))


def _story(told: Told) -> RenderableType:
    finding, spike = told
    asked = finding.question
    head = Text.assemble((finding.name, "bold cyan"), (f"  {span(asked.start, asked.end)}", "dim"))
    return Group(head, _below(spike.sentence))


def _below(sentence: str) -> RenderableType:
    return Padding(Text(printable(sentence)), (0, 0, 0, 2), expand=False)


def alerts(raised: Sequence[Alert], pages: str) -> RenderableType:
    """What the alert rules said of the incidents in their own minutes, and where one goes on from there."""
    lines = [Group(Text(printable(each.title), "bold cyan"), _below(each.summary)) for each in raised]
    inbox = Text.assemble("Open, contain and close incidents there: ", (f"{pages}/inbox", "bold blue"))
    return section("Alerts that these incidents raised, in the inbox", Group(*lines, inbox))


def suggestions(plan: Plan, told: Sequence[Told], directory: Path, program: str, ops: str | None) -> Text:
    """The commands to try next, a line each however long: to be copied, so never wrapped or cut.

    Args:
        ops: the address of the pages, whose links stand beside; None where nothing serves them.
    """
    text = Text("\nTry next, in another terminal\n", style="bold", end="")
    text.append(f"  export SPANLEDGER_DATA_DIR={shlex.quote(str(directory))}\n", style="not bold cyan")
    for finding, _ in told:
        text.append(f"  # {finding.name}\n", style="not bold dim")
        text.append(f"  {program} {finding.command()}\n", style="not bold cyan")
        if ops:
            text.append(f"  {finding.page(ops)}\n", style="not bold blue")
    text.append("  # More\n", style="not bold dim")
    for command in more_commands(plan):
        text.append(f"  {program} {command}\n", style="not bold cyan")
    return text.append(
        "  The lines with a window give the same answers an hour from now.\n", style="not bold dim"
    )


def more_commands(plan: Plan) -> list[str]:
    """What else there is to ask. `unpriced` shows every data mode, and this database holds demo data only."""
    day = f"--from {plan.start:%Y-%m-%dT%H:%MZ} --to {plan.anchor:%Y-%m-%dT%H:%MZ}"
    return [f"top user {day} --data-mode demo", "unpriced", "tail --data-mode demo"]


def kept(directory: Path, program: str, ops_port: int) -> Text:
    """Where the data is, how to serve it again, and that what was said of it stays true."""
    config, place = shlex.quote(str(directory / CONFIG)), shlex.quote(str(directory))
    return Text(
        f"Kept in {directory}. Open it again:\n"
        f"  {program} serve --config {config} --data-dir {place}\n"
        f"and look at http://127.0.0.1:{ops_port}/?data_mode=demo. The lines above "
        f"that have a window give the same answers then.\n",
        end="",
    )
