"""Every alert rule, defined once: dashboards, evaluator, command line and documentation read it from here."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

MINUTE: Final = timedelta(minutes=1)


class Severity(StrEnum):
    """What an alert of a rule does: wake somebody, tell a channel, or wait in the inbox."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Place(StrEnum):
    """Which data a rule looks at; only `PROD` may wake somebody (DESIGN §8).

    `PROD` is environment `prod` with data mode `real`; `ELSEWHERE` is everything else.
    """

    PROD = "prod"
    ELSEWHERE = "elsewhere"


class Rule(NamedTuple):
    """One rule.

    Attributes:
        id: its word in files, labels and addresses; the condition is the function `genai.alert_<id>`.
        title: what Grafana calls it (`alertname`).
        category: rules about one thing share it.
        severity: in `Place.PROD`; elsewhere every rule is `info`.
        meaning: one sentence for lists.
        summary: the numbers in a sentence; `{label}` is a label, `{value}` and `{threshold}` are figures.
        labels: which dimensions tell its instances apart, beside environment and data mode.
        threshold: the value at which the score is 1.
        minimum: requests or calls below which it stays quiet; None where it has no such sample.
        minimum_usd: the same in USD.
        pending: how long a breach must last before it fires.
        keep_firing: how long it fires on after recovery.
        dashboard: where its link leads, with the panel's dashboard uid without prefix.
        places: the data that it looks at.
        no_data_fires: no answer is a breach.
    """

    id: str
    title: str
    category: str
    severity: Severity
    meaning: str
    summary: str
    labels: tuple[str, ...]
    threshold: Decimal
    minimum: int | None = None
    minimum_usd: Decimal | None = None
    pending: timedelta = timedelta(0)
    keep_firing: timedelta = 10 * MINUTE
    dashboard: str = "compare"
    places: tuple[Place, ...] = (Place.PROD, Place.ELSEWHERE)
    no_data_fires: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """What `rules.yaml` may set of it."""
        optional = {"minimum": self.minimum, "minimum_usd": self.minimum_usd}
        return ("enabled", "threshold", *(name for name, value in optional.items() if value is not None))

    @property
    def overridable(self) -> tuple[str, ...]:
        """The dimensions that an override of it may name."""
        return tuple(name for name in OVERRIDABLE if name in self.labels)

    def severity_at(self, place: Place) -> Severity:
        """Test and demo data, and other environments, never alert as real."""
        return self.severity if place is Place.PROD else Severity.INFO


OVERRIDABLE: Final = ("service", "endpoint", "prompt_version", "tenant", "user", "model")


RULES: Final = (
    Rule(
        "cost_drift_endpoint", "Cost per request drift by endpoint", "cost_drift", Severity.WARNING,
        "A request of an endpoint costs more than it did a day and a week before",
        "{endpoint}: a request costs {value:.2f} times what it did (alerts at {threshold:.2f})",
        ("endpoint",), Decimal("1.5"), minimum=50, minimum_usd=Decimal(1), pending=5 * MINUTE,
    ),
)  # fmt: skip
"""In the order in which they are listed."""

BY_ID: Final = {rule.id: rule for rule in RULES}
