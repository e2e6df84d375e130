"""The dashboards, one module each, in the order of the path."""

from __future__ import annotations

from operations.dashboards.pages import compare, overview

PAGES = (overview.PAGE, compare.PAGE)
