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
        is_tunable: `rules.yaml` may set it; else its limits stand elsewhere.
        about: `calls`, or `ledger` for what speaks of the whole ledger: a label for routing.
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
    is_tunable: bool = True
    about: str = "calls"

    @property
    def parameters(self) -> tuple[str, ...]:
        """What `rules.yaml` may set of it."""
        if not self.is_tunable:
            return ()
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


_ONLY_PROD: Final = (Place.PROD,)
_SCOPED: Final = ("scope", "service", "endpoint", "tenant", "user", "model")
"""What a budget may be about; its name is the scope."""


def _budget(id_: str, title: str, severity: Severity, meaning: str, summary: str) -> Rule:
    """A rule on a transition of a budget, whose limits stand in `budgets.yaml`."""
    return Rule(
        id_, title, "budget", severity, meaning, summary, _SCOPED, Decimal(1), keep_firing=timedelta(0),
        is_tunable=False,
    )  # fmt: skip


RULES: Final = (
    Rule(
        "burst_failing", "Request burst with falling success", "burst", Severity.CRITICAL,
        "An endpoint gets far more calls than a day and a week before, and more of them fail",
        "{endpoint}: {value:.1f} times the usual calls in 15 minutes while more of them fail "
        "(alerts at {threshold:.1f})",
        ("endpoint",), Decimal(2), minimum=100, pending=2 * MINUTE,
    ),
    _budget(
        "budget_exceeded", "Budget exceeded", Severity.CRITICAL, "A budget's limit is exceeded",
        "Budget {scope}: ${value:.2f} spent of ${threshold:.2f}",
    ),
    _budget(
        "spend_rate", "Spend alert by the hour", Severity.CRITICAL,
        "More was spent within an hour than a spend-alert allows",
        "{scope}: ${value:.2f} within the hour (alerts at ${threshold:.2f})",
    ),
    Rule(
        "freshness", "Freshness breach", "freshness", Severity.CRITICAL,
        "What was received is not visible within five minutes, or nothing says that it is",
        "The dashboards are {value:.0f} s behind what was received (alerts at {threshold:.0f} s)",
        ("scope",), Decimal(300), pending=2 * MINUTE, dashboard="freshness", no_data_fires=True,
        about="ledger",
    ),
    Rule(
        "ledger_unreadable", "Ledger cannot be read", "ledger", Severity.CRITICAL,
        "The database does not answer: no other rule can be evaluated",
        "The ledger's database does not answer",
        ("scope",), Decimal(1), pending=2 * MINUTE, dashboard="overview", places=_ONLY_PROD,
        no_data_fires=True, about="ledger",
    ),
    Rule(
        "cost_drift_endpoint", "Cost per request drift by endpoint", "cost_drift", Severity.WARNING,
        "A request of an endpoint costs more than it did a day and a week before",
        "{endpoint}: a request costs {value:.2f} times what it did (alerts at {threshold:.2f})",
        ("endpoint",), Decimal("1.5"), minimum=50, minimum_usd=Decimal(1), pending=5 * MINUTE,
    ),
    Rule(
        "cost_drift_prompt", "Cost per request drift by prompt version", "cost_drift", Severity.WARNING,
        "A request of a prompt version costs more than its endpoint's did a day and a week before",
        "{prompt_version} of {endpoint}: a request costs {value:.2f} times what the endpoint's did "
        "(alerts at {threshold:.2f})",
        ("endpoint", "prompt_version"), Decimal("1.5"), minimum=50, minimum_usd=Decimal(1),
        pending=5 * MINUTE,
    ),
    Rule(
        "concentration_tenant", "Tenant concentration", "concentration", Severity.WARNING,
        "A tenant makes a far larger part of the spend than it usually does",
        "{tenant} makes {value:.0%} of the spend (alerts at {threshold:.0%})",
        ("tenant",), Decimal("0.4"), minimum=100, minimum_usd=Decimal(1), pending=5 * MINUTE,
    ),
    Rule(
        "concentration_user", "User concentration", "concentration", Severity.WARNING,
        "A user makes a far larger part of the spend than usual",
        "{user} makes {value:.0%} of the spend (alerts at {threshold:.0%})",
        ("user",), Decimal("0.25"), minimum=100, minimum_usd=Decimal(1), pending=5 * MINUTE,
    ),
    _budget(
        "budget_warning", "Budget warning", Severity.WARNING, "A budget has reached its warning ratio",
        "Budget {scope}: ${value:.2f} spent (warns at ${threshold:.2f})",
    ),
    _budget(
        "spend_alert", "Spend alert", Severity.WARNING,
        "A day, a month or a request cost more than a spend-alert allows",
        "{scope}: ${value:.2f} (alerts at ${threshold:.2f})",
    ),
    Rule(
        "telemetry_silent", "Telemetry silent", "telemetry", Severity.WARNING,
        "A service that sends at this time of the day sends nearly nothing",
        "{service} sends {value:.0%} fewer calls than at this time yesterday (alerts at {threshold:.0%})",
        ("service",), Decimal("0.95"), minimum=30, dashboard="overview",
    ),
    Rule(
        "ingest_rejects", "Spans rejected", "ingest", Severity.WARNING,
        "Spans or reports were rejected for good",
        "{value:.0f} spans rejected in 15 minutes: {scope} (alerts at {threshold:.0f})",
        ("scope",), Decimal(10), dashboard="overview", about="ledger",
    ),
    Rule(
        "rollup_mismatch", "Sums differ from their calls", "ledger", Severity.WARNING,
        "A dashboard's sums differ from the calls behind them",
        "{value:.0f} sums of the level {scope} differ from their calls",
        ("scope",), Decimal(1), dashboard="overview",
    ),
    Rule(
        "unpriced_model", "Model without a price", "unpriced", Severity.INFO,
        "Calls of a model without a price: their cost is in no total",
        "{model}: {value:.0f} calls without a price in an hour",
        ("model", "scope"), Decimal(1), dashboard="models",
    ),
    Rule(
        "uncertain_usage", "Usage uncertain or unread", "coverage", Severity.INFO,
        "Too large a part of a service's calls has no certain usage",
        "{service}: {value:.0%} of the calls have no certain usage (alerts at {threshold:.0%})",
        ("service",), Decimal("0.05"), minimum=50, dashboard="models",
    ),
    Rule(
        "unknown_data_mode", "Unknown data mode", "coverage", Severity.INFO,
        "Calls with a data mode that is none of real, test and demo: they count as real",
        "{service}: {value:.0f} calls with an unknown data mode in 15 minutes",
        ("service",), Decimal(1), dashboard="overview",
    ),
    Rule(
        "sender_lag", "Sender lag", "telemetry", Severity.INFO,
        "Calls of a service arrive minutes after their end",
        "{service}: calls arrive {value:.0f} s after their end (alerts at {threshold:.0f} s)",
        ("service",), Decimal(180), minimum=10, pending=5 * MINUTE, dashboard="freshness",
    ),
    Rule(
        "duplicate_deliveries", "Duplicate-delivery surge", "telemetry", Severity.INFO,
        "Far more calls of a service than usual arrive again although they were counted",
        "{service}: {value:.0%} of the delivered calls had come before (alerts at {threshold:.0%})",
        ("service",), Decimal("0.2"), minimum=100, dashboard="overview",
    ),
    Rule(
        "watchdog", "Watchdog", "watchdog", Severity.INFO,
        "Always fires: whoever stops hearing it knows that alerts no longer arrive",
        "Alerting works",
        ("scope",), Decimal(1), dashboard="overview", places=_ONLY_PROD, about="ledger",
    ),
)  # fmt: skip
"""In the order in which they are listed: those that wake somebody first."""

BY_ID: Final = {rule.id: rule for rule in RULES}
