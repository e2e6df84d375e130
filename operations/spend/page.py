"""The first page: the spend, whether it changed, and what the figures leave out."""

from __future__ import annotations

from datetime import datetime, timedelta

from operations.compare.model import Question
from operations.compare.model import compare as ask
from operations.web import queries
from operations.web.parameters import Links
from operations.web.queries import Connection, Row
from operations.web.render import Service, render

TOP = 8
CALLS = 10


def home_page(
    connection: Connection,
    question: Question,
    links: Links,
    service: Service,
    now: datetime,
    is_live: bool,
    failed: bool = False,
) -> str:
    """The page as HTML.

    Args:
        question: the window of tables and chart; the spend of today, a day and a month ends at `now`.
        is_live: the window ends now, so that the page may load itself again.
        failed: list the newest calls that failed instead of the newest.
    """
    answer = ask(connection, question, 0)
    with queries.snapshot(connection):
        chart, step = queries.burn(connection, question)
        return render(
            "spend/page.html", service=service, links=links, question=question, total=answer.total,
            spike=answer.spike, spend=_spend(connection, question, now), chart=chart, step=step,
            endpoints=queries.rows(connection, "top", question, by_version=False, limit=TOP),
            versions=queries.rows(connection, "top", question, by_version=True, limit=TOP),
            unpriced=queries.rows(connection, "unpriced", question),
            unread=queries.rows(connection, "unread", question),
            refused=queries.rows(connection, "refused", question),
            state=queries.rows(connection, "state", question)[0],
            outside=queries.rows(connection, "outside", question),
            problems=_worst_first(queries.rows(connection, "problems", question)),
            calls=queries.calls(connection, question, CALLS, failed), failed=failed,
            grafana=queries.grafana(connection, question), now=now, refresh=60 if is_live else None,
        )  # fmt: skip


def _worst_first(problems: list[Row]) -> list[Row]:
    return sorted(problems, key=lambda row: (not row["is_refused"], -row["requests"]))


def _spend(connection: Connection, question: Question, now: datetime) -> list[tuple[str, str, Question, Row]]:
    """Spend until now: name, in words from when, the window, and its sums."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    windows = (
        ("today", "since 00:00 UTC", today),
        ("last 24 hours", "until now", now - timedelta(hours=24)),
        ("this month", f"since 1 {now:%B}, UTC", today.replace(day=1)),
    )
    return [
        (name, since, asked, queries.rows(connection, "spend", asked)[0])
        for name, since, start in windows
        for asked in [question._replace(start=start, end=now)]
    ]
