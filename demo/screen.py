"""The demo's screen: what the ledger answered, to be read in ten seconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from demo import shop
from demo.findings import Told
from demo.plan import Plan
from demo.questions import Answer, Answers
from demo.stage import Ports
from demo.truth import Totals
from operations import terminal as display
from operations.diagnosis.database import Row
from operations.exactness import at_least
from operations.format import seconds

BAR_CELLS = 14
_BLOCKS = " ▏▎▍▌▋▊▉█"


class Delivery(NamedTuple):
    """How the history went in: spans sent, seconds taken, and how many figures were checked afterwards."""

    spans: int
    seconds: float
    figures: int


def report(plan: Plan, answers: Answers, delivery: Delivery) -> RenderableType:
    """The whole screen above the ports."""
    return Group(
        _headline(plan, answers, delivery),
        section("Spend by endpoint", _spend(answers["endpoints"])),
        section(*_deploy(answers)),
        section("Models without a price: their cost is unknown, not zero", _unpriced(answers["models"])),
        section(*_tenants(answers["tenants"])),
        section(*_storm(plan, answers)),
    )


def _headline(plan: Plan, answers: Answers, delivery: Delivery) -> RenderableType:
    day = _sum(answers["endpoints"])
    line = Text()
    line.append(_usd(day), style="bold green")
    line.append(f" in 24 hours until {plan.anchor:%Y-%m-%d %H:%M} UTC: ")
    line.append(f"{day.calls:,} calls", style="bold")
    line.append(f" of {day.requests:,} requests, {day.errors:,} errors")
    twice = sum(1 for request, _ in plan.calls() if request.model is shop.SONNET)
    events = sum(1 for request, _ in plan.calls() if request.feature is shop.AGENT)
    how = (
        f"{plan.days} days of history, {delivery.spans:,} spans and log events, came in by OTLP in "
        f"{delivery.seconds:.1f} s. The Anthropic "
        f"SDK traces itself and was instrumented too: {twice:,} calls came as two spans each, and count "
        f"once. {events:,} calls are log events of a developer's Claude Code. All "
        f"{delivery.figures:,} figures asked of the ledger equal the plan that they were made from, to the "
        "last 10⁻¹² dollar."
    )
    return Group(Text(), line, Text(how, style="dim"))


def _spend(answer: Answer) -> Table:
    whole = _sum(answer).cost
    largest = max(totals.cost for totals in answer.values())
    table = _table("endpoint", "calls", "spend", "share", "")
    for name, totals in _most_expensive_first(answer):
        unpriced = Text(f"{totals.unpriced:,} calls unpriced", style="yellow") if totals.unpriced else ""
        table.add_row(
            name,
            display.number(totals.calls),
            _usd(totals),
            display.percent(totals.cost, whole),
            unpriced or Text(_bar(totals.cost, largest), style="cyan"),
        )
    return table


def _deploy(answers: Answers) -> tuple[str, Table]:
    table = _table("prompt version", "calls", "tokens out/call", "cost/call", "spend", "")
    old, new = (prompt.version for prompt in shop.ANSWER.prompts)
    before, after = answers["before"][old], answers["after"][new]
    for name, totals, note in (
        (f"{old}, 6 h before", before, Text()),
        (
            f"{new}, 6 h since",
            after,
            Text(f"{_times(_output(after), _output(before))} out", style="red"),
        ),
    ):
        table.add_row(
            name,
            display.number(totals.calls),
            f"{_output(totals):,.0f}",
            display.usd(display.ratio(totals.cost, totals.calls), 6),
            _usd(totals),
            note,
        )
    return f"A prompt deploy: {shop.ANSWER.tag} {old} → {new}", table


def _unpriced(answer: Answer) -> Table:
    table = _table("model", "calls", "tokens in", "tokens out", "")
    for name, totals in _most_expensive_first(answer):
        if totals.unpriced:
            table.add_row(
                name,
                display.number(totals.unpriced),
                display.number(totals.input_tokens),
                display.number(totals.output_tokens),
                Text(
                    f"new since {shop.OWN_MODEL_HOURS_AGO:.0f} h",
                    style="yellow",
                ),
            )
    return table


def _tenants(answer: Answer) -> tuple[str, Table]:
    whole = _sum(answer)
    table = _table("tenant", "calls", "of calls", "spend", "of spend", "")
    ranked = _most_expensive_first(answer)
    for place, (name, totals) in enumerate(ranked[:3]):
        table.add_row(
            name,
            display.number(totals.calls),
            display.percent(totals.calls, whole.calls),
            _usd(totals),
            display.percent(totals.cost, whole.cost),
            Text(_bar(totals.cost, ranked[0][1].cost), style="red" if place == 0 else "cyan"),
        )
    name, totals = ranked[0]
    title = f"One tenant: {name} makes {_whole_percent(totals.calls, whole.calls)} of the calls and "
    return title + f"{_whole_percent(totals.cost, whole.cost)} of the spend", table


def _storm(plan: Plan, answers: Answers) -> tuple[str, Table]:
    feature = shop.PRODUCT_QA.tag
    storm, day = answers["storm"][feature], answers["endpoints"][feature]
    usual = day - storm
    table = _table(feature, "requests", "attempts", "errors", "attempts/success", "")
    start, end = (plan.anchor - timedelta(hours=hours) for hours in _STORM)
    for name, totals, style in (("rest of the day", usual, ""), (f"{start:%H:%M}–{end:%H:%M}", storm, "red")):
        table.add_row(
            name,
            display.number(totals.requests),
            display.number(totals.calls),
            display.number(totals.errors),
            Text(f"{totals.calls / totals.successes:.2f}", style=style),
            "",
        )
    return "A retry storm: attempts under one externalRequestId", table


_STORM = (shop.STORM_FROM_HOURS_AGO, shop.STORM_TO_HOURS_AGO)


def document(
    plan: Plan, answers: Answers, delivery: Delivery, told: Sequence[Told], live_totals: Totals
) -> dict[str, object]:
    """The same as one JSON object: each question's answer by name, `live` the traffic of the last seconds."""
    return {
        "anchor": plan.anchor,
        "seed": plan.seed,
        "spans": delivery.spans,
        "figuresChecked": delivery.figures,
        "answers": {
            question: {name: _measures(totals) for name, totals in answer.items()}
            for question, answer in answers.items()
        },
        "findings": [
            {
                "name": finding.name,
                "from": finding.question.start,
                "to": finding.question.end,
                "baseline": finding.question.baseline,
                "class": spike.name,
                "subject": spike.subject,
                "sentence": spike.sentence,
            }
            for finding, spike in told
        ],
        "live": _measures(live_totals),
    }


def _measures(totals: Totals) -> dict[str, object]:
    return {
        "costUsd": display.exact_usd(totals.cost),
        "atLeast": at_least(totals.unpriced, totals.uncertain),
        "calls": totals.calls,
        "requests": totals.requests,
        "successes": totals.successes,
        "errors": totals.errors,
        "inputTokens": totals.input_tokens,
        "outputTokens": totals.output_tokens,
        "unpricedCalls": totals.unpriced,
        "uncertainCalls": totals.uncertain,
    }


def live(totals: Totals, fresh: Row) -> RenderableType:
    """What the traffic of the last seconds cost, and how soon calls were visible.

    Args:
        fresh: `operations.diagnosis.database.lag`, of all calls of the demo.
    """
    refused = f", {totals.errors:,} of them refused and tried again" if totals.errors else ""
    flow = (
        f"Live: {totals.requests:,} requests just went through the shop's two services as {totals.calls:,} "
        f"calls{refused}. Ledger and provider's bill agree: {display.usd(totals.cost, 6)}."
    )
    if fresh["calls"]:
        half, most = seconds(fresh["p50_ms_below"]), seconds(fresh["p95_ms_below"])
        flow += (
            f" Of {fresh['calls']:,} calls, half were visible within {half} of their receipt, "
            f"95 of 100 within {most}."
        )
    return Padding(Text(flow, style="dim"), (1, 0, 0, 0), expand=False)


def doors(ports: Ports, dashboards: str | None = None) -> RenderableType:
    """What stays open; `dashboards` is the address of a Grafana that runs beside."""
    table = Table.grid(padding=(0, 2))
    doors = [
        ("OTLP gRPC", f"http://127.0.0.1:{ports.grpc}"),
        ("OTLP HTTP", f"http://127.0.0.1:{ports.http}"),
        ("what is spent", f"http://127.0.0.1:{ports.ops}/?data_mode=demo"),
    ]
    if dashboards:
        doors.append(("Grafana", dashboards))
    for what, where in doors:
        table.add_row(Text(what, style="dim"), Text(where, style="bold"))
    return section("Open", table)


def section(title: str, body: RenderableType) -> RenderableType:
    """A part of the screen under its title."""
    return Group(Text(), Text(title, style="bold"), Padding(body, (0, 0, 0, 2), expand=False))


def _table(first: str, *figures: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first, min_width=20, no_wrap=True)
    for figure in figures[:-1]:
        table.add_column(figure, justify="right", no_wrap=True)
    table.add_column(figures[-1], no_wrap=True)
    return table


def _most_expensive_first(answer: Answer) -> Sequence[tuple[str, Totals]]:
    return sorted(answer.items(), key=lambda item: (-item[1].cost, item[0]))


def _bar(part: int, whole: int) -> str:
    eighths = round(part * BAR_CELLS * 8 / whole) if whole else 0
    return "█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()


def _usd(totals: Totals) -> str:
    """Spend; "at least" where calls without a price or without usage are in it."""
    return display.usd(totals.cost, at_least=at_least(totals.unpriced, totals.uncertain))


def _sum(answer: Answer) -> Totals:
    return sum(answer.values(), Totals())


def _output(totals: Totals) -> float:
    return totals.output_tokens / totals.successes


def _times(now: float, then: float) -> str:
    return f"{now / then:.1f} ×"


def _whole_percent(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)}%"
