"""A comparison as a story in the terminal: windows, change, terms, cause, and what to ask next."""

from __future__ import annotations

import shlex
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from operations.compare.drivers import Driver
from operations.compare.model import TERMS, TOKEN_CLASSES, Change, Comparison, Question, Spike
from operations.dimensions import is_per_call, title_of
from operations.exactness import reasons
from operations.format import (
    CLASSES,
    DASH,
    MEANING,
    arrow,
    deeper,
    distance,
    doubts,
    iso,
    mean,
    number,
    printable,
    ratio,
    scope,
    seconds,
    share,
    signed,
    span,
    unit_usd,
    usd,
)
from operations.terminal import Column, program, show_table

BAR_WIDTH = 32


def show(out: Console, question: Question, answer: Comparison) -> None:
    """Print the whole story."""
    total = answer.total
    if total is None:
        out.print(
            f"No call in either window with environment {question.environment} and data mode "
            f"{question.data_mode}.",
            markup=False,
        )
        for reason in reasons({"unread_spans": answer.unread_spans}):
            out.print(f"≥ means at least: {reason}.", style="yellow", markup=False)
        _print_notice(out, answer)
        return
    out.print(windows(question, total))
    out.print(headline(total, answer.spike))
    explained = waterfall(total)
    out.print(explained if _fits(out, explained) else waterfall(total, explain=False))
    if line := drivers(answer):
        out.print(line)
    if answer.segments:
        show_segments(out, question, answer.segments)
    for doubt in doubts(question, total):
        out.print(Text(doubt, "yellow"))
    _print_notice(out, answer)
    if command := next_command(question, answer):
        out.print(Text.assemble("Next: ", (command, "bold")), soft_wrap=True)


def _print_notice(out: Console, answer: Comparison) -> None:
    if answer.notice:
        out.print(Text(printable(answer.notice), "yellow"))


def windows(question: Question, total: Change) -> Text:
    """The two windows in words, as they were used."""
    return Text.assemble(
        ("now       ", "bold"), span(total.from_used, total.to_used), "\n",
        ("baseline  ", "bold"), span(total.baseline_from_used, total.baseline_to_used),
        f", {distance(question, total)}\n",
        ("scope     ", "bold"), printable(scope(question)), "\n",
    )  # fmt: skip


def headline(total: Change, spike: Spike | None) -> Text:
    """The change in one line, and what it is called."""
    then = usd(total.baseline_cost_usd, at_least=total.baseline_at_least)
    now = usd(total.cost_usd, at_least=total.at_least)
    ratio = "" if total.delta_ratio is None else f" ({total.delta_ratio:+.1%})"
    text = Text.assemble(
        (f"{then} → {now}   ", "bold"),
        (f"{_change(total)}{ratio}", f"bold {_colour(total.delta_usd)}"),
    )
    if spike:
        text.append("   ")
        text.append(f" {CLASSES.get(spike.name, spike.name)} ", "reverse bold")
        text.append(f"\n{printable(spike.sentence)}")
    return text.append("\n")


def waterfall(total: Change, explain: bool = True) -> Table:
    """The terms as bars; under tokens its classes; beside them, where there is room, what they mean."""
    shown = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "left", "left"):
        shown.add_column(justify=justify, no_wrap=True)
    amounts = [*map(total.term, TERMS), *map(total.token_class, TOKEN_CLASSES)]
    widest = max(map(abs, amounts))
    for name in TERMS:
        amount = total.term(name)
        shown.add_row(
            name, signed(amount), _bar(amount, widest), Text(MEANING[name] if explain else "", "dim")
        )
        if name == "tokens" and amount:
            for part in TOKEN_CLASSES:
                if of_class := total.token_class(part):
                    label = f"  {part.replace('_', ' ')}"
                    shown.add_row(
                        Text(label, "dim"), Text(signed(of_class), "dim"), _bar(of_class, widest, dim=True)
                    )
    shown.add_row(
        Text("change", "bold"),
        Text(signed(total.delta_usd), "bold"),
        "",
        Text("= the sum, exactly" if explain else "", "dim"),
    )
    return shown


def _bar(amount: Decimal, widest: Decimal, dim: bool = False) -> Text:
    cells = round(BAR_WIDTH * abs(amount) / widest) if widest else 0
    mark = "▒" if dim else "█"
    return Text(mark * max(cells, 1) if amount else "", _colour(amount))


def _colour(amount: Decimal) -> str:
    return "red" if amount > 0 else "green" if amount < 0 else "default"


def drivers(answer: Comparison) -> RenderableType | None:
    """The drivers of the change: every combination with its dollars beyond what all did."""
    if not answer.drivers:
        return None
    first = answer.drivers[0]
    what = "spend" if first.measure == "spend" else "cost per request"
    ranked = Table.grid()
    for each in answer.drivers:
        ranked.add_row(f"  {each.place}. ", _driver(each))
    parts: list[RenderableType] = [
        Text(f"\nDrivers of {what}, beyond what everything else did (× {first.drift_ratio:.2f}):"),
        ranked,
    ]
    if first.source != "calls":
        parts.append(
            Text("  From sums by the hour, not by every dimension: calls are gone or too many.", "dim")
        )
    return Group(*parts, "")


def _driver(each: Driver) -> Text:
    part = "" if each.share_of_change is None else f" = {each.share_of_change:.1%} of the change"
    line = Text.assemble(
        (printable(each.name), "bold"), " ",
        (signed(each.excess_usd), _colour(each.excess_usd)), part,
        f", requests {arrow(number(each.baseline_requests), number(each.requests))}",
        f", {arrow(unit_usd(each.baseline_cost_per_request_usd), unit_usd(each.cost_per_request_usd))} each",
        " (before: what it replaced)" if each.replaces else "",
    )  # fmt: skip
    if each.top_term:
        line.append(f", mostly {each.top_term} ({MEANING[each.top_term]})")
    return line


def show_segments(out: Console, question: Question, rows: list[Change]) -> None:
    """One line per segment: money, cause, and what a request was like in both windows."""
    columns = [
        Column(title_of(question.dimension), style="bold"), Column("before", figures=True),
        Column("now", figures=True), Column("change", figures=True), Column("cause"),
        Column(f"per {'call' if is_per_call(question.dimension) else 'request'}", figures=True, rank=1),
        Column("tokens", figures=True, rank=2), Column("success", figures=True, rank=3),
        Column("p95", figures=True, rank=4), Column("attempts", figures=True, rank=5),
        Column("wasted", figures=True, rank=6),
    ]  # fmt: skip
    show_table(out, columns, [[row.segment, *_cells(row)] for row in rows])


def _fits(out: Console, shown: Table) -> bool:
    return Measurement.get(out, out.options.update(max_width=10_000), shown).maximum <= out.width


def _cells(row: Change) -> list[str]:
    return [
        usd(row.baseline_cost_usd, at_least=row.baseline_at_least),
        usd(row.cost_usd, at_least=row.at_least),
        _change(row),
        row.top_term or DASH,
        arrow(
            unit_usd(row.baseline_cost_per_request_usd, row.baseline_at_least),
            unit_usd(row.cost_per_request_usd, row.at_least),
        ),
        arrow(mean(row.baseline_tokens_per_request), mean(row.tokens_per_request)),
        arrow(share(row.baseline_success_ratio), share(row.success_ratio)),
        arrow(seconds(row.baseline_p95_ms), seconds(row.p95_ms)),
        arrow(ratio(row.baseline_attempts_per_success), ratio(row.attempts_per_success)),
        usd(row.wasted_usd),
    ]


def _change(row: Change) -> str:
    return signed(row.delta_usd, row.at_least or row.baseline_at_least)


def next_command(question: Question, answer: Comparison) -> str | None:
    """The command that looks closer at the top driver, ready to be pasted."""
    total = answer.total
    if total is None or total.top_segment is None or not total.delta_usd:
        return None
    further = deeper(question, total.top_segment)
    if further is None:
        return None
    dimension, focus = further
    words = [
        "compare",
        "--by",
        dimension.replace("_", "-"),
        "--from",
        iso(question.start),
        "--to",
        iso(question.end),
    ]
    words += [
        "--baseline",
        question.baseline,
        "--env",
        question.environment,
        "--data-mode",
        question.data_mode,
    ]
    for name, value in focus.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}={value}"]
    return printable(f"{program()} {shlex.join(words)}")
