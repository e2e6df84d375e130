"""The planted incidents as questions with absolute windows, so that the answers stay true later."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import psycopg

from demo import shop
from demo.plan import Plan
from operations.compare.model import Focus, Question, Spike, compare
from operations.web.parameters import parameters_of


class Finding(NamedTuple):
    """One planted incident, or the quiet day.

    Attributes:
        name: what happened, in a few words.
        question: the window and baseline that hold this incident and no other.
        spike: the class that the ledger must give, and `subject` whose it is.
    """

    name: str
    question: Question
    spike: str
    subject: str | None = None

    def command(self) -> str:
        """`spanledger`'s arguments that ask the question."""
        asked = self.question
        focus = [
            f"--{name.replace('_', '-')}={value}" for name, value in asked.focus._asdict().items() if value
        ]
        window = ["--from", f"{asked.start:%Y-%m-%dT%H:%MZ}", "--to", f"{asked.end:%Y-%m-%dT%H:%MZ}"]
        baseline = [] if asked.baseline == "previous" else ["--baseline", asked.baseline]
        return shlex.join(["compare", *window, *baseline, *focus, "--data-mode", asked.data_mode])

    def page(self, ops: str) -> str:
        """The address of the page that answers it."""
        return f"{ops}/compare?{urlencode(parameters_of(self.question))}"


def findings(plan: Plan) -> list[Finding]:
    """The incidents in the order of their beginning, and the quiet day before them.

    Each window is set against the same hours of the day before: the time of day is no part of the story.
    """

    def asked(since: float, until: float, baseline: str = "24h", **focus: str) -> Question:
        start, end = (plan.anchor - timedelta(hours=hours) for hours in (since, until))
        return Question(start, end, baseline, data_mode="demo", focus=Focus(**focus))

    grew, unpriced = shop.TENANT_HOURS_AGO, shop.OWN_MODEL
    answer, storm = shop.ANSWER, (shop.STORM_FROM_HOURS_AGO, shop.STORM_TO_HOURS_AGO)
    return [
        Finding("A quiet day", asked(grew + 24, grew, "previous"), "steady"),
        Finding(
            "A tenant's longer questions", asked(grew, grew - 24),
            "identity_concentration", shop.HEAVY_TENANT,
        ),
        Finding("A retry storm", asked(*storm, endpoint=shop.PRODUCT_QA.tag), "retry_storm"),
        Finding(
            "A prompt deploy", asked(shop.DEPLOY_HOURS_AGO, 0, endpoint=answer.tag),
            "deploy", answer.prompts[-1].version,
        ),
        Finding(
            "A model without a price", asked(shop.OWN_MODEL_HOURS_AGO, 0),
            "unknown_model", f"{unpriced.provider}/{unpriced.answers_as}",
        ),
    ]  # fmt: skip


class Told(NamedTuple):
    """A finding and what the ledger says of it."""

    finding: Finding
    spike: Spike


def told(connection: psycopg.Connection[Any], plan: Plan) -> list[Told]:
    """The ledger's answers, by the same function that `spanledger compare` and the pages use."""
    answers = ((finding, compare(connection, finding.question, 1).spike) for finding in findings(plan))
    return [Told(finding, spike) for finding, spike in answers if spike]
