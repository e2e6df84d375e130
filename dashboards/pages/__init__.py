"""The dashboards, one module each, in the order of the path."""

from __future__ import annotations

from dashboards.pages import (
    budgets,
    compare,
    endpoints,
    freshness,
    inbox,
    incidents,
    models,
    month,
    overview,
    prompts,
    quality,
    requests,
    users,
)

PAGES = (
    overview.PAGE,
    compare.PAGE,
    endpoints.PAGE,
    prompts.PAGE,
    users.PAGE,
    models.PAGE,
    month.PAGE,
    budgets.PAGE,
    requests.PAGE,
    inbox.PAGE,
    incidents.PAGE,
    freshness.PAGE,
    quality.PAGE,
)
