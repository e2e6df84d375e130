"""The first screen of a dashboard: large figures, sentences, and one strip when something is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common

from dashboards.links import FOCUS, Link, dashboard_url, data_link, field
from dashboards.panels import GREEN, NEUTRAL, ORANGE, RED, YELLOW, Column, Stats, Table
from dashboards.styles import CLASSES
from dashboards.widths import column_width

PAGE = "${__data.fields.page_url:raw}"
"""A page of the service; there is a word to click on where `public_url` is configured."""
MOST_FIGURES = 4
VALUE_PIXELS, DETAIL_PIXELS, NAME_PIXELS = 24, 18, 14
"""Heights of a figure, a smaller one and their names. Grafana shrinks none: they are read at every width."""

SIGNED = ((r"^\+.*", ORANGE), (r"^-.*", GREEN))
"""More spend than before is orange, less is green; the sign says it, too."""
KINDS = {**CLASSES, "requests": ("requests", NEUTRAL), "cost per request": ("cost per request", NEUTRAL)}
STATES = {
    "paused": ("paused", YELLOW),
    "nothing received yet": ("nothing received yet", NEUTRAL),
    "no receiver is running": ("no receiver is running", RED),
    "behind": ("behind", ORANGE),
    "no calls": ("no calls", NEUTRAL),
    "incident": ("open incident", ORANGE),
    "baseline": ("baseline", YELLOW),
    "at least": ("≥ at least", YELLOW),
    "range": ("this range", NEUTRAL),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline(Stats):
    """At most four figures, each under its name, in letters that do not shrink.

    Figures are texts of the ledger (`genai.money_text`): a lower bound, a sign and `unknown` stand in them.
    """

    height: int = 3

    def __post_init__(self) -> None:
        if len(self.figures()) > MOST_FIGURES:
            raise ValueError(f"{self.title}: {len(self.figures())} figures; at most {MOST_FIGURES} are read")

    def builder(self, dashboard_uid: str, has_focus: bool = True) -> Any:
        """A stat panel with explicit sizes."""
        sizes = common.VizTextDisplayOptions().value_size(VALUE_PIXELS).title_size(NAME_PIXELS)
        # Named: without arguments, `super()` in a class with slots asks the class that it replaced.
        return super(Headline, self).builder(dashboard_uid, has_focus).text(sizes).wide_layout(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Details(Stats):
    """Further figures of a selection, side by side in letters of text."""

    height: int = 3

    def builder(self, dashboard_uid: str, has_focus: bool = True) -> Any:
        """A stat panel, smaller than a headline on purpose."""
        sizes = common.VizTextDisplayOptions().value_size(DETAIL_PIXELS).title_size(NAME_PIXELS)
        return super(Details, self).builder(dashboard_uid, has_focus).text(sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip(Table):
    """Rows without a title and a head; nothing but a quiet word while there are none."""

    header: bool = False

    def builder(self, dashboard_uid: str, has_focus: bool = True) -> Any:
        """A table without its frame."""
        return super(Strip, self).builder(dashboard_uid, has_focus).title("").transparent(True)


def money(title: str, link: Link | None = None, width: int | None = 110) -> Column:
    """A text of money; sorted as text, right as a number."""
    return Column(title, link=link, width=width, right=True)


def per_unit(title: str) -> Column:
    """A text of a unit cost, which may be a millionth of a cent."""
    return money(title, width=column_width(title, "$0.000000527"))


def signed(title: str, link: Link | None = None, width: int | None = 110) -> Column:
    """A text of a change, coloured by its sign."""
    return Column(title, link=link, width=width, patterns=SIGNED, right=True)


def hidden(*names: str) -> Mapping[str, Column]:
    """Columns that links read and exports hold, such as the exact figure behind a text."""
    return dict.fromkeys(names, Column(hidden=True))


def _row_link(title: str, **values: str) -> Link:
    """To the dashboard and the focus that the row names; the rest of the selection is the page's own."""
    focus = {name: field(name) for name in (*FOCUS, "service")}
    return data_link(title, dashboard_url("${__data.fields.focus_uid}", True, **focus, **values))


def page_column(what: str) -> Mapping[str, Column]:
    """The last column: the open incident of the row's focus, else the page on which one is opened for it."""
    link = data_link(f"The incident of {what}; or its comparison, which opens one", PAGE)
    return {
        "page_link": Column("Page", width=column_width("Page", "incident"), link=link),
        **hidden("page_url"),
    }


def story(panel_id: int, title: str, sql: str, empty: str) -> Table:
    """What happened, in sentences: each with its dollars and the one place to look next."""
    return Table(
        id=panel_id, title=title, sql=sql, width=24, height=5, empty=empty, header=False,
        description=(
            "The change against the baseline as two questions, how many requests and how much each, the "
            "larger first; their dollars add up to the change. The class follows fixed rules "
            "(docs/compare.md). Next: the link at the end of a line opens what drove it."
        ),
        columns={
            "kind": Column("What", words=KINDS, width=165),
            "sentence": Column("In words", wrap=True),
            "change": signed("Change"),
            "name": Column("Look closer", width=250, link=_row_link("Look closer: ${__data.fields.name}")),
            "page_link": Column("Page", width=55, link=data_link("The same on the built-in page", PAGE)),
            **hidden("place", "class", "delta_usd", "focus_uid", *FOCUS, "service", "page_url"),
        },
    )  # fmt: skip


def notes(panel_id: int, sql: str = "common/notes") -> Strip:
    """What is missing from the figures, and where to look; quiet while nothing is."""
    return Strip(
        id=panel_id, title="Notes", sql=sql, width=24, height=2,
        empty="Everything received in this range is counted, with a price.",
        description=(
            "Appears if an incident is open for the focus, or something is missing: lower bounds, unread "
            "usage, data that begin inside the range, a baseline that cannot be used, a choice that empties "
            "the view. Next: the link leads there."
        ),
        columns={
            "state": Column("State", words=STATES, width=170),
            "note": Column("Note", wrap=True),
            "name": Column("Next", width=150, link=_row_link(
                "${__data.fields.name}", env="${__data.fields.environments:raw}",
                data_mode=field("data_mode"), baseline=field("baseline"),
            )),
            **hidden("focus_uid", "environments", "data_mode", "baseline", *FOCUS, "service"),
        },
    )  # fmt: skip
