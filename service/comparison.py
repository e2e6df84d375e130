"""A comparison as a story in the terminal: windows, change, terms, cause, and what to ask next."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from decimal import Decimal

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from operations.compare import TERMS, TOKEN_CLASSES, Change, Comparison, Question, Spike
from service.display import DASH, Column, number, printable, table

BAR_WIDTH = 32

MEANING = {
    "volume": "more or fewer requests",
    "attempts": "more or fewer calls for a request",
    "mix": "other models",
    "tokens": "more or fewer tokens for a call",
    "price": "another price for the same tokens",
    "new": "what was not there before",
    "gone": "what is not there any more",
}
NAMES = {
    "token": "tokens",
    "model_mix": "model mix",
    "identity_concentration": "identity concentration",
    "retry_storm": "retry storm",
    "unknown_model": "unknown model",
}
DEEPER = {
    "endpoint": "prompt_version", "prompt_version": "model", "service": "endpoint", "provider": "model",
    "model": "endpoint", "tenant": "user", "user": "endpoint",
}  # fmt: skip
"""What to split by next, once one value of a dimension is in focus."""


def show(out: Console, question: Question, answer: Comparison) -> None:
    """Print the whole story."""
    total = answer.total
    if total is None:
        out.print(
            f"No call in either window with environment {question.environment} and data mode "
            f"{question.data_mode}.",
            markup=False,
        )
        return
    out.print(windows(question, total))
    out.print(headline(total, answer.spike))
    explained = waterfall(total)
    out.print(explained if _fits(out, explained) else waterfall(total, explain=False))
    if line := driver(question, answer):
        out.print(line)
    if answer.segments:
        out.print(fitting(out, question, answer.segments))
    for line in doubts(question, total):
        out.print(line)
    if command := next_command(question, answer):
        out.print(Text.assemble("Next: ", (command, "bold")), soft_wrap=True)


def windows(question: Question, total: Change) -> Text:
    """The two windows in words, as they were used."""
    focus = [f"{name.replace('_', ' ')} {value}" for name, value in question.focus._asdict().items() if value]
    scope = " · ".join([*focus, f"environment {question.environment}", f"data mode {question.data_mode}"])
    return Text.assemble(
        ("now       ", "bold"), _span(total.from_used, total.to_used), "\n",
        ("baseline  ", "bold"), _span(total.baseline_from_used, total.baseline_to_used),
        f", {_distance(question, total)}\n",
        ("scope     ", "bold"), printable(scope), "\n",
    )  # fmt: skip


def _span(start: datetime, end: datetime) -> str:
    same_day = start.date() == end.date()
    last = f"{end:%H:%M}" if same_day else f"{end:%Y-%m-%d %H:%M}"
    if start.second or end.second:
        last = f"{end:%H:%M:%S}" if same_day else f"{end:%Y-%m-%d %H:%M:%S}"
        return f"{start:%Y-%m-%d %H:%M:%S} – {last} UTC ({_length(end - start)})"
    return f"{start:%Y-%m-%d %H:%M} – {last} UTC ({_length(end - start)})"


def _length(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes >= size and minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _distance(question: Question, total: Change) -> str:
    if question.baseline == "previous":
        return "the equal window before"
    if ".." in question.baseline:
        return "as asked"
    return f"{_length(total.from_used - total.baseline_from_used)} earlier"


def headline(total: Change, spike: Spike | None) -> Text:
    """The change in one line, and what it is called."""
    then = "≥ " if total.baseline_at_least else ""
    now = "≥ " if total.at_least else ""
    ratio = "" if total.delta_ratio is None else f" ({total.delta_ratio:+.1%})"
    text = Text.assemble(
        (f"{then}{usd(total.baseline_cost_usd)} → {now}{usd(total.cost_usd)}   ", "bold"),
        (f"{signed(total.delta_usd)}{ratio}", f"bold {_colour(total.delta_usd)}"),
    )
    if spike:
        text.append("   ")
        text.append(f" {NAMES.get(spike.name, spike.name)} ", "reverse bold")
        text.append(f"\n{printable(spike.sentence)}")
    return text.append("\n")


def waterfall(total: Change, explain: bool = True) -> Table:
    """The terms as bars; under tokens its classes; beside them, where there is room, what they mean."""
    shown = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "left", "left"):
        shown.add_column(justify=justify, no_wrap=True)
    widest = max(abs(total.term(name)) for name in TERMS)
    for name in TERMS:
        amount = total.term(name)
        shown.add_row(
            name, signed(amount), _bar(amount, widest), Text(MEANING[name] if explain else "", "dim")
        )
        if name == "tokens" and amount:
            for part in TOKEN_CLASSES:
                if share := total.token_class(part):
                    label = f"  {part.replace('_', ' ')}"
                    shown.add_row(
                        Text(label, "dim"), Text(signed(share), "dim"), _bar(share, widest, dim=True)
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


def driver(question: Question, answer: Comparison) -> Text | None:
    """The segment and the term behind most of the change."""
    total = answer.total
    if total is None or not total.delta_usd or total.top_segment is None:
        return None
    worst = next((segment for segment in answer.segments if segment.segment == total.top_segment), None)
    if worst is None or worst.share_of_delta is None:
        return None
    kind = question.dimension.replace("_", " ")
    text = Text.assemble(
        "\nTop driver: ", f"{kind} ", (printable(worst.segment), "bold"),
        f", {signed(worst.delta_usd)} = {worst.share_of_delta:.1%} of the change",
    )  # fmt: skip
    if worst.top_term and worst.top_term_usd is not None:
        text.append(f", mostly {worst.top_term} ({signed(worst.top_term_usd)}: {MEANING[worst.top_term]})")
    return text.append(".\n")


def fitting(out: Console, question: Question, rows: list[Change]) -> Table:
    """The table with as many columns as the terminal has room for: a figure is never cut."""
    for figures in (10, 6, 5):
        shown = segments(question, rows, figures)
        if _fits(out, shown):
            return shown
    return segments(question, rows, 4)


def _fits(out: Console, shown: Table) -> bool:
    return Measurement.get(out, out.options.update(max_width=10_000), shown).maximum <= out.width


def segments(question: Question, rows: list[Change], figures: int = 10) -> Table:
    """One line per segment: money, cause, and what a request was like in both windows."""
    per = "call" if question.dimension in ("model", "provider") else "request"
    titles = [
        "before",
        "now",
        "change",
        "cause",
        f"per {per}",
        "tokens",
        "success",
        "p95",
        "attempts",
        "wasted",
    ]
    titles = titles[:figures]
    columns = [Column(question.dimension.replace("_", " "), style="bold")]
    columns += [Column(title, figures=title != "cause") for title in titles]
    shown = table(columns, [[row.segment, *_cells(row)[: len(titles)]] for row in rows])
    for column in shown.columns:
        column.no_wrap = True
    return shown


def _cells(row: Change) -> list[str]:
    return [
        ("≥ " if row.baseline_at_least else "") + usd(row.baseline_cost_usd),
        ("≥ " if row.at_least else "") + usd(row.cost_usd),
        signed(row.delta_usd),
        row.top_term or DASH,
        _arrow(usd(row.baseline_cost_per_request_usd, 6), usd(row.cost_per_request_usd, 6)),
        _arrow(_count(row.baseline_tokens_per_request), _count(row.tokens_per_request)),
        _arrow(_percent(row.baseline_success_ratio), _percent(row.success_ratio)),
        _arrow(_seconds(row.baseline_p95_ms), _seconds(row.p95_ms)),
        _arrow(_ratio(row.baseline_attempts_per_success), _ratio(row.attempts_per_success)),
        usd(row.wasted_usd),
    ]


def doubts(question: Question, total: Change) -> list[Text]:
    """What the figures leave out, and where the window is not the one that was asked."""
    lines = []
    if total.unpriced_calls or total.baseline_unpriced_calls:
        lines.append(
            f"≥: {number(total.unpriced_calls)} calls ({number(total.baseline_unpriced_calls)} before) have "
            "no price and are in no term; `spanledger unpriced` lists their models."
        )
    if total.uncertain_calls or total.baseline_uncertain_calls:
        lines.append(
            f"≥: the usage of {number(total.uncertain_calls)} calls "
            f"({number(total.baseline_uncertain_calls)} before) is missing or estimated."
        )
    if total.error_without_usage_calls:
        lines.append(
            f"{number(total.error_without_usage_calls)} errors came without usage and are not billed."
        )
    if (question.start, question.end) != (total.from_used, total.to_used):
        lines.append(
            f"The window asked for was {_span(question.start, question.end)}; older data is kept coarser."
        )
    return [Text(line, "yellow") for line in lines]


def next_command(question: Question, answer: Comparison) -> str | None:
    """The command that looks closer at the top driver, ready to be pasted."""
    total = answer.total
    if total is None or total.top_segment is None or not total.delta_usd:
        return None
    focus = question.focus._asdict() | {question.dimension: total.top_segment}
    deeper = _deeper(question.dimension, focus)
    if deeper is None:
        return None
    words = [
        "spanledger",
        "compare",
        "--by",
        deeper,
        "--from",
        _iso(question.start),
        "--to",
        _iso(question.end),
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
    return printable(shlex.join(words))


def _deeper(dimension: str, focus: dict[str, str | None]) -> str | None:
    """The next dimension that is not in focus yet."""
    for _ in DEEPER:
        dimension = DEEPER[dimension]
        if focus[dimension] is None:
            return dimension
    return None


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def usd(amount: Decimal | None, places: int = 2) -> str:
    """USD for people; what would round to nothing keeps six places."""
    if amount is None:
        return DASH
    if amount and abs(amount) < Decimal("0.01"):
        places = max(places, 6)
    return f"{'-' if amount < 0 else ''}${abs(amount):,.{places}f}"


def signed(amount: Decimal) -> str:
    """A change in USD, with its sign."""
    return f"+{usd(amount)}" if amount > 0 else usd(amount)


def _arrow(before: str, now: str) -> str:
    return now if before == now else f"{before} → {now}"


def _count(value: float | None) -> str:
    return DASH if value is None else f"{value:,.0f}"


def _percent(value: float | None) -> str:
    return DASH if value is None else f"{value:.1%}"


def _ratio(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f}"


def _seconds(value: float | None) -> str:
    return DASH if value is None else f"{value / 1_000:.1f} s"
