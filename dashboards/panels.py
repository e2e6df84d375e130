"""Panels as declarations: what each asks, how it looks, and where a click leads."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grafana_foundation_sdk.builders import barchart, common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.models import common as shape
from grafana_foundation_sdk.models import dashboard as model

from dashboards.links import BUCKET_BEFORE, Link, bucket_link
from dashboards.paths import CRITICAL
from dashboards.queries import DATASOURCE, SqlQuery, panel_statement, panel_title
from dashboards.widths import column_width

USD, COUNT, SHARE, MS, SECONDS = "currencyUSD", "locale", "percentunit", "ms", "s"
TIME, MINUTE = "dateTimeAsIso", "time:YYYY-MM-DD HH:mm"
GREEN, YELLOW, ORANGE, RED, BLUE, NEUTRAL = "green", "#EAB839", "orange", "red", "blue", "text"

NO_CALLS = "No calls in this selection. Look at the environment, the data mode and the range above."

UNLESS_PAUSED = "Unless the title says paused:"
"""A panel's text for no rows is fixed: what it says must be true while nothing is asked, too."""

NARROWEST = 60
"""Pixels that a column of a table gets at least; Grafana's own default pushes columns off the panel."""
BAR_PIXELS, WRAPPED_PIXELS = 120, 200
CENTS = 2
LONGEST_TICK = 16
"""Letters below a bar; the SDK writes 0, which shows none."""
OTHERS, OTHERS_COLOUR = "(others)", "#8e8e8e"
"""All series but the named ones (`genai.usage_over_time`), and their grey."""
BY_NAME = dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)
BEFORE_MS = ("before_from_ms", "before_until_ms")
"""Where the buckets of the moved series really begin and end."""
NOTHING = "–"
"""In place of a NULL: a panel's words for "empty" would stand in every such cell."""

Steps = Sequence[tuple[float | None, str]]
"""Thresholds: (from this value on, colour); the first has no value."""


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of a result is shown.

    Attributes:
        words: value → (text, colour) where a state is shown in words.
        bar: draw the number as a bar in its cell, from nothing to the whole.
        wrap: break a long text into lines.
        right: align a text as numbers are.
        off: a chart reads it for its links and draws it nowhere.
        patterns: (regular expression, colour) for texts that are not known beforehand.
        sample: the longest usual text of the column, which is read whole.
    """

    title: str = ""
    unit: str = ""
    decimals: int | None = None
    width: int | None = None
    hidden: bool = False
    link: Link | None = None
    steps: Steps | None = None
    words: Mapping[str, tuple[str, str]] | None = None
    bar: bool = False
    wrap: bool = False
    right: bool = False
    patterns: Sequence[tuple[str, str]] = ()
    sample: str = ""
    off: bool = False


OFF_THE_CHART = Column(off=True)
"""A number that a link of a chart reads and that is drawn nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel(ABC):
    """Attributes of all panels. `description` says what is measured and what to do next."""

    id: int
    title: str
    description: str
    sql: str
    width: int
    height: int = 8
    columns: Mapping[str, Column] = field(default_factory=dict)
    empty: str = NO_CALLS

    @abstractmethod
    def builder(self, dashboard_uid: str, has_focus: bool = True) -> Any:
        """The SDK's builder of this panel, on a dashboard with or without focus variables."""

    def _common(self, panel: Any, dashboard_uid: str, result: str = "table") -> Any:
        panel = (
            panel.id(self.id)
            .title(panel_title(self.title, dashboard_uid))
            .description(self.description)
            .datasource(DATASOURCE)
            .with_target(SqlQuery(panel_statement(self.sql, dashboard_uid), result))
            .no_value(self.empty if dashboard_uid in CRITICAL else f"{UNLESS_PAUSED} {self.empty}")
        )
        for name, column in self.columns.items():
            panel = panel.override_by_name(name, _properties(column, self))
        return panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats(Panel):
    """One row of a result as large figures, each with its name and unit."""

    height: int = 5
    links: Sequence[Link] = ()
    background: bool = False

    def figures(self) -> list[str]:
        """The titles of the columns that are shown; the others serve links and exports."""
        return [column.title for column in self.columns.values() if not column.hidden]

    def builder(self, dashboard_uid: str, has_focus: bool = True) -> Any:
        """A stat panel; states in words are coloured by their word."""
        mode = shape.BigValueColorMode.BACKGROUND if self.background else shape.BigValueColorMode.VALUE
        return (
            self._common(stat.Panel(), dashboard_uid)
            .graph_mode(shape.BigValueGraphMode.NONE)
            .color_mode(mode)
            .text_mode(shape.BigValueTextMode.VALUE_AND_NAME)
            .justify_mode(shape.BigValueJustifyMode.AUTO)
            .wide_layout(True)
            .thresholds(_thresholds([(None, NEUTRAL)]))
            .reduce_options(
                common.ReduceDataOptions().calcs(["lastNotNull"]).fields(self._fields()).values(False)
            )
        )

    def _fields(self) -> str:
        """Grafana's expression for the shown columns, which it knows by title."""
        if not any(column.hidden for column in self.columns.values()):
            return "/.*/"
        return "/^(" + "|".join(re.escape(title) for title in self.figures()) + ")$/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """Rows, sorted by the query; a link sits on the cell of the name."""

    header: bool = True

    def builder(self, dashboard_uid: str, has_focus: bool = True) -> Any:
        """A table panel."""
        return (
            self._common(table.Panel(), dashboard_uid)
            .show_header(self.header)
            .cell_height(shape.TableCellHeight.SM)
            .min_width(NARROWEST)
            .thresholds(_thresholds([(None, NEUTRAL)]))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart(Panel):
    """Values over time. With a text column each of its values is a series of that name.

    Attributes:
        leads_to: the dashboard that a click on a bucket opens; the query names the bucket's end, `until_ms`.
        leads_how: what that shows, in words.
        series: the focus variable that the clicked series sets; the query names its value, `focus`.
        stacked: bars on each other, for parts of a sum; else lines.
        colours: series → fixed colour.
        moved: the series that is drawn at another time than its own, which a click opens.
        is_logarithmic: the axis grows by factors of ten, for values that differ by many.
    """

    unit: str
    decimals: int | None = None
    stacked: bool = False
    by_segment: bool = True
    colours: Mapping[str, str] = field(default_factory=dict)
    leads_to: str | None = None
    leads_how: str = "the calls of this bucket"
    series: str | None = None
    moved: str | None = None
    zero: bool = True
    is_logarithmic: bool = False
    height: int = 9

    def builder(self, dashboard_uid: str, has_focus: bool = True) -> Any:
        """A time series panel, its series named below it; a name has one colour everywhere."""
        panel = (
            self._common(timeseries.Panel(), dashboard_uid, "time_series")
            .color_scheme(BY_NAME)
            .unit(self.unit)
            .line_width(1 if self.stacked else 2)
            .fill_opacity(70 if self.stacked else 0)
            .draw_style(shape.GraphDrawStyle.BARS if self.stacked else shape.GraphDrawStyle.LINE)
            .show_points(shape.VisibilityMode.NEVER if self.stacked else shape.VisibilityMode.AUTO)
            .bar_alignment(shape.BarAlignment.AFTER)
            .span_nulls(not self.stacked)
            .tooltip(
                common.VizTooltipOptions()
                .mode(shape.TooltipDisplayMode.MULTI)
                .sort(shape.SortOrder.DESCENDING)
            )
            .legend(_legend(shown=True))
        )
        if self.stacked:
            panel = panel.stacking(common.StackingConfig().mode(shape.StackingMode.NORMAL).group("A"))
        # A series without calls in a bucket: the words of an empty panel would stand there.
        panel = panel.override_by_field_type("number", [_value("noValue", NOTHING)])
        if self.by_segment:
            panel = panel.display_name("${__field.labels.segment}")
        if self.zero:
            panel = panel.min(0)
        if self.is_logarithmic:
            scale = common.ScaleDistributionConfig().type(shape.ScaleDistribution.LOG).log(10)
            panel = panel.scale_distribution(scale)
        if self.decimals is not None:
            panel = panel.decimals(self.decimals)
        for name, colour in {OTHERS: OTHERS_COLOUR, **self.colours}.items():
            panel = panel.override_by_name(name, [_value("color", {"mode": "fixed", "fixedColor": colour})])
        return self._linked(panel, has_focus)

    def _linked(self, panel: Any, has_focus: bool) -> Any:
        """Lead every bucket somewhere; the column with its end is read by the link and drawn nowhere."""
        if self.leads_to is None:
            return panel
        what = "${__field.displayName}: " if self.series else ""
        link = bucket_link(f"{what}{self.leads_how}", self.leads_to, has_focus, self.series)
        panel = panel.override_by_name("until_ms", _properties(OFF_THE_CHART, self))
        panel = panel.override_by_field_type("number", [_value("links", [link])])
        if self.moved is None:
            return panel
        for name in BEFORE_MS:
            panel = panel.override_by_name(name, _properties(OFF_THE_CHART, self))
        link = bucket_link(
            f"{self.moved}: {self.leads_how}", self.leads_to, has_focus, self.series, BUCKET_BEFORE
        )
        return panel.override_by_name(self.moved, [_value("links", [link])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall(Panel):
    """A waterfall: bars that stand where the one before ended; every step leads to `link`."""

    link: Link

    def builder(self, dashboard_uid: str, has_focus: bool = True) -> Any:
        """A bar chart whose lowest part is not drawn."""
        panel = (
            self._common(barchart.Panel(), dashboard_uid)
            .x_field("step")
            .stacking(shape.StackingMode.NORMAL)
            .orientation(shape.VizOrientation.VERTICAL)
            .show_value(shape.VisibilityMode.NEVER)
            .x_tick_label_max_length(LONGEST_TICK)
            .unit(USD)
            .decimals(2)
            .fill_opacity(85)
            .line_width(0)
            .legend(_legend(shown=True))
        )
        clear = [
            _value("color", {"mode": "fixed", "fixedColor": "transparent"}),
            _value("custom.fillOpacity", 0),
            _value("custom.hideFrom", {"legend": True, "tooltip": True, "viz": False}),
        ]
        panel = panel.override_by_name("base_usd", clear)
        for name, title, colour in (
            ("rise_usd", "adds", RED), ("fall_usd", "saves", GREEN), ("level_usd", "spend", "blue"),
        ):  # fmt: skip
            fixed = {"mode": "fixed", "fixedColor": colour}
            panel = panel.override_by_name(name, [_value("displayName", title), _value("color", fixed)])
        return panel.override_by_field_type("number", [_value("links", [self.link])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Panel):
    """A bar for each row: `x` names the column below it, `bars` columns → titles; a bar leads to `link`."""

    x: str
    bars: Mapping[str, str]
    unit: str
    decimals: int
    link: Link | None = None

    def builder(self, dashboard_uid: str, has_focus: bool = True) -> Any:
        """A bar chart."""
        panel = (
            self._common(barchart.Panel(), dashboard_uid)
            .x_field(self.x)
            .orientation(shape.VizOrientation.VERTICAL)
            .show_value(shape.VisibilityMode.AUTO)
            .x_tick_label_max_length(LONGEST_TICK)
            .unit(self.unit)
            .decimals(self.decimals)
            .min(0)
            .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(BLUE))
            .legend(_legend(shown=len(self.bars) > 1))
        )
        for name, title in self.bars.items():
            panel = panel.override_by_name(name, [_value("displayName", title)])
        return panel.override_by_field_type("number", [_value("links", [self.link])]) if self.link else panel


def _legend(shown: bool) -> Any:
    return (
        common.VizLegendOptions()
        .display_mode(shape.LegendDisplayMode.LIST)
        .placement(shape.LegendPlacement.BOTTOM)
        .show_legend(shown)
        .calcs([])
    )


def _thresholds(steps: Steps) -> Any:
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _properties(column: Column, panel: Panel) -> list[model.DynamicConfigValue]:
    found: list[model.DynamicConfigValue] = []
    if column.off:
        hidden = {"viz": True, "legend": True, "tooltip": True}
        return [_value("custom.hideFrom", hidden), _value("custom.axisPlacement", "hidden")]
    if column.hidden:
        return [_value("custom.hidden", True)] if isinstance(panel, Table) else found
    for name, setting in (
        ("displayName", column.title or None), ("unit", column.unit or None), ("decimals", column.decimals),
        ("custom.width", _width(column) if isinstance(panel, Table) else None),
        ("custom.minWidth", _min_width(column) if isinstance(panel, Table) else None),
        ("links", [column.link] if column.link else None),
        ("noValue", NOTHING if isinstance(panel, Table | Stats) else None),
    ):  # fmt: skip
        if setting is not None:
            found.append(_value(name, setting))
    if column.words:
        options = {
            value: {"text": shown, "color": colour, "index": place}
            for place, (value, (shown, colour)) in enumerate(column.words.items())
        }
        found.append(_value("mappings", [{"type": "value", "options": options}]))
    if column.patterns:
        found.append(_value("mappings", [
            {"type": "regex", "options": {"pattern": pattern, "result": {"color": colour, "index": place}}}
            for place, (pattern, colour) in enumerate(column.patterns)
        ]))  # fmt: skip
    if column.right and isinstance(panel, Table):
        found.append(_value("custom.align", "right"))
    if column.steps:
        steps = [{"value": value, "color": colour} for value, colour in column.steps]
        found.append(_value("thresholds", {"mode": "absolute", "steps": steps}))
        found.append(_value("color", {"mode": "thresholds"}))
    if column.bar:
        gauge = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        found += [_value("custom.cellOptions", gauge), _value("min", 0), _value("max", 1)]
    elif column.wrap:
        found.append(_value("custom.cellOptions", {"type": "auto", "wrapText": True}))
    elif isinstance(panel, Table) and (column.steps or column.words or column.patterns):
        found.append(_value("custom.cellOptions", {"type": "color-text"}))
    return found


def _width(column: Column) -> int | None:
    """Pixels for a number and its title; texts share what is left."""
    if column.width is not None:
        return column.width
    if column.bar:
        return BAR_PIXELS
    if column.words:
        return column_width(column.title, *(shown for shown, _ in column.words.values()))
    if column.unit == USD and (column.decimals or 0) > CENTS:
        return column_width(column.title, "-$0." + "0" * (column.decimals or 0))
    return column_width(column.title, _SAMPLES[column.unit]) if column.unit in _SAMPLES else None


def _min_width(column: Column) -> int | None:
    """Pixels below which Grafana shrinks no text; without a word from us it takes 150."""
    if _width(column) is not None:
        return None
    return max(column_width(column.title, column.sample), WRAPPED_PIXELS if column.wrap else NARROWEST)


_SAMPLES = {
    USD: "-$12,345.67", COUNT: "1,234,567", SHARE: "100.0%", MS: "12.3 mins", SECONDS: "12.3 mins",
    TIME: "2026-11-29 14:54:59", MINUTE: "2026-11-29 14:54", "none": "-12.34",
}  # fmt: skip
"""The longest usual figure of a unit."""


def _value(name: str, value: object) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val=name, value=value)
