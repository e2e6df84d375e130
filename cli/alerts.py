"""`spanledger alerts`: the rules, and what they say now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer

from cli import options
from operations.alerts.model import Asked, Connection, Detail, Row, ask_all, detail, summary
from operations.terminal import Column, console, number, print_json, public, show_table
from processor.alerting.catalogue import BY_ID, RULES, Place, Rule
from processor.alerting.states import FIRES_AT, RESOLVES_BELOW

_FIRES, _NEAR, _QUIET = "fires", "near", "quiet"

app = options.app(help="The alert rules, and what they say now.")


class Said(NamedTuple):
    """A row of a rule that is worth a line."""

    rule: Rule
    place: Place
    row: Row
    state: str
    detail: Detail


@app.command()
@options.grouped
def check(
    *,
    rule: Annotated[
        str | None,
        typer.Option("--rule", help="Only this rule.", metavar="NAME", parser=options.one_of("rule", *BY_ID)),
    ] = None,
    at: Annotated[datetime | None, options.moment_option("As of this moment (UTC). [now]", "--at")] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Also outside of environment prod with real data.")
    ] = False,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Evaluate every rule once, through the functions that Grafana asks.

    A rule fires at a score of 1 and resolves below 0.8; most must breach for minutes before they are told.
    Exits with 1 when one fires in environment prod with real data (the watchdog, which always does, aside).
    """
    rules = [BY_ID[rule]] if rule else RULES
    with given.connected() as connection:
        asked = ask_all(connection, at or datetime.now(UTC), rules)
        asked = [each for each in asked if everywhere or each.place is Place.PROD]
        said = [one for each in asked for one in _said(connection, each)]
    _print_json(said) if as_json else _print(rules, said)
    if any(each.state == _FIRES and each.place is Place.PROD and each.rule.id != "watchdog" for each in said):
        raise typer.Exit(1)


@app.command("rules")
@options.grouped
def list_rules(*, as_json: options.AsJson = False, given: options.Settings) -> None:
    """List the rules with their thresholds; what `rules.yaml` changes is in force for the service."""
    with given.connected() as connection:
        limits = {rule.id: _limit(connection, rule) for rule in RULES}
    if as_json:
        print_json([_rule_json(rule, limits[rule.id]) for rule in RULES])
        return
    columns = (
        Column("rule", style="bold"), Column("severity"), Column("fires at", figures=True),
        Column("sample", figures=True), Column("USD", figures=True, rank=2), Column("meaning", wraps=True),
    )  # fmt: skip
    show_table(console(), columns, [_rule_cells(rule, limits[rule.id]) for rule in RULES])


def _said(connection: Connection, asked: Asked) -> list[Said]:
    found = []
    for row in asked.rows:
        state = _FIRES if row.score >= FIRES_AT else _NEAR if row.score >= RESOLVES_BELOW else _QUIET
        if state != _QUIET:
            found.append(Said(asked.rule, asked.place, row, state, detail(connection, asked.rule, row)))
    return found


def _print(rules: Sequence[Rule], said: list[Said]) -> None:
    out = console()
    firing = [each for each in said if each.state == _FIRES]
    columns = (
        Column("state", style="bold"), Column("score", figures=True), Column("severity"), Column("rule"),
        Column("environment", rank=3), Column("data mode", rank=4), Column("what", wraps=True),
        Column("owner", rank=2),
    )  # fmt: skip
    if said:
        show_table(out, columns, [_cells(each) for each in said])
    for each in firing:
        if each.detail.sentence:
            out.print(f"{_name(each)}: {each.detail.sentence}", markup=False)
    quiet = len(rules) - len({each.rule.id for each in said})
    summed = f"{len(rules)} rules evaluated: {len(firing)} alerts fire, {quiet} rules are quiet."
    out.print(summed, style="dim")


def _cells(said: Said) -> list[str]:
    row = said.row
    return [
        said.state, f"{row.score:.2f}", said.rule.severity_at(said.place).value, said.rule.id, row.env,
        row.data_mode, summary(said.rule, row), row.owner,
    ]  # fmt: skip


def _name(said: Said) -> str:
    return " · ".join(filter(None, (getattr(said.row, name) for name in said.rule.labels))) or said.rule.id


def _print_json(said: list[Said]) -> None:
    print_json([
        {
            "rule": each.rule.id, "state": each.state, "severity": each.rule.severity_at(each.place).value,
            "place": each.place.value, "summary": summary(each.rule, each.row), **public(asdict(each.row)),
            "sentence": each.detail.sentence, "class": each.detail.kind, "query": each.detail.query,
        }
        for each in said
    ])  # fmt: skip


def _limit(connection: Connection, rule: Rule) -> tuple[Any, ...]:
    found = connection.execute("SELECT * FROM genai.alert_limit(%s)", [rule.id]).fetchone()
    return tuple(found or ())


def _rule_cells(rule: Rule, limit: tuple[Any, ...]) -> list[str]:
    enabled, threshold, minimum, minimum_usd = limit
    return [
        rule.id, rule.severity.value, f"{threshold:g}" if enabled else "off",
        "" if minimum is None else number(round(minimum)), "" if minimum_usd is None else f"${minimum_usd:g}",
        rule.meaning,
    ]  # fmt: skip


def _rule_json(rule: Rule, limit: tuple[Any, ...]) -> dict[str, object]:
    enabled, threshold, minimum, minimum_usd = limit
    return {
        "rule": rule.id, "title": rule.title, "severity": rule.severity.value, "meaning": rule.meaning,
        "enabled": enabled, "threshold": threshold, "minimum": minimum, "minimumUsd": minimum_usd,
        "labels": list(rule.labels),
    }  # fmt: skip
