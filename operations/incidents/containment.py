"""What contains an incident of each class, with the incident's own values, and patches ready to apply.

Sources:
    LiteLLM budgets and limits: https://docs.litellm.ai/docs/proxy/users and
    https://docs.litellm.ai/docs/proxy/team_budgets
    NGINX: https://nginx.org/en/docs/http/ngx_http_limit_req_module.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Final, NamedTuple

from operations.format import unit_usd, usd
from processor.pricing.suggest import UnpricedModel, snippet

_ROOM: Final = Decimal("1.5")
"""A limit is half as high again as the baseline: ordinary days must not meet it."""
_LEAST_DAILY_USD: Final = Decimal(1)
DRIFT_RULE: Final = "cost_drift_endpoint"


class Facts(NamedTuple):
    """What is known of an incident when it is to be contained. Figures are those of its window and baseline.

    Attributes:
        focus: the driver, dimension → value.
        model: provider and model that have no price, or that took over.
    """

    driver_class: str
    driver: str
    focus: Mapping[str, str]
    environment: str
    window: timedelta
    at: datetime
    requests: int
    baseline_requests: int
    cost_usd: Decimal
    baseline_cost_usd: Decimal
    usd_per_request: Decimal | None
    baseline_usd_per_request: Decimal | None
    output_tokens_per_request: float | None = None
    former_version: str | None = None
    model: tuple[str, str] | None = None
    unpriced_calls: int = 0


class Patch(NamedTuple):
    """A change that is ready to apply.

    Attributes:
        file: what it belongs to, such as `budgets.yaml`.
        text: the change itself.
        how: where to put it, in a sentence.
    """

    file: str
    text: str
    how: str


class Containment(NamedTuple):
    """What to do now, in a sentence with the incident's values, and what makes it so."""

    step: str
    patches: list[Patch]


def containment(facts: Facts) -> Containment:
    """The step for the class of an incident."""
    patches = {
        "unknown_model": [_price_entry], "token": [_unit_cost_guard, _drift_threshold],
        "deploy": [_unit_cost_guard, _drift_threshold], "model_mix": [_unit_cost_guard],
        "price": [_unit_cost_guard], "retry_storm": [_rate_limit, _budget],
    }.get(facts.driver_class, [_rate_limit, _gateway, _budget])  # fmt: skip
    made = [patch for make in patches if (patch := make(facts)) is not None]
    return Containment(_STEPS.get(facts.driver_class, _unclear)(facts), made)


def _volume(facts: Facts) -> str:
    return (
        f"Throttle {_whom(facts)}: {facts.requests:,} requests against {facts.baseline_requests:,} in the "
        f"baseline. A limit of {_per_minute(facts):,} requests a minute leaves half as many again as usual."
    )


def _token(facts: Facts) -> str:
    cap = f" to {_output_cap(facts):,} tokens" if facts.output_tokens_per_request else ""
    return (
        f"Cap the output of {_whom(facts)}{cap} and bound its context: a request costs "
        f"{unit_usd(facts.usd_per_request)} against {unit_usd(facts.baseline_usd_per_request)}."
    )


def _deploy(facts: Facts) -> str:
    version = facts.focus.get("prompt_version", "the new version")
    back = f" to {facts.former_version}" if facts.former_version else " to the version before it"
    return (
        f"Roll {facts.focus.get('endpoint', 'the endpoint')} back from {version}{back}, and cap its output "
        f"until a fixed version is out: a request costs {unit_usd(facts.usd_per_request)} against "
        f"{unit_usd(facts.baseline_usd_per_request)}."
    )


def _identity(facts: Facts) -> str:
    return (
        f"Limit {_whom(facts)} to {usd(_daily(facts))} a day and look into abuse: "
        f"{usd(facts.cost_usd)} in this window against {usd(facts.baseline_cost_usd)} before. Talk to the "
        "owner before you block it."
    )


def _abuse(facts: Facts) -> str:
    return (
        f"Block or throttle {_whom(facts)}, and revoke its key if it is stolen: requests rose from "
        f"{facts.baseline_requests:,} to {facts.requests:,} while success fell."
    )


def _unknown_model(facts: Facts) -> str:
    name = " ".join(facts.model) if facts.model else "the model"
    return (
        f"Fill the price map: {facts.unpriced_calls:,} calls of {name} have no price, so every total says "
        "at least. Then `spanledger reprice` prices them in the past."
    )


def _retry_storm(facts: Facts) -> str:
    return (
        f"Cap the retries of {_whom(facts)} at one with back-off, and open its circuit breaker while the "
        f"provider fails: every attempt is billed. {usd(facts.cost_usd)} against "
        f"{usd(facts.baseline_cost_usd)}."
    )


def _model_mix(facts: Facts) -> str:
    return (
        f"Pin the model of {_whom(facts)} in the router: a request costs {unit_usd(facts.usd_per_request)} "
        f"against {unit_usd(facts.baseline_usd_per_request)} with the models before."
    )


def _price(facts: Facts) -> str:
    return (
        "The same tokens cost more: check the dated price in `prices.yaml` and the provider's list "
        "(`spanledger prices diff`); if it is right, move the traffic or raise the budget with finance."
    )


def _unclear(facts: Facts) -> str:
    return (
        f"No single cause explains it. Limit {_whom(facts)} to {_per_minute(facts):,} requests a minute "
        "until Compare shows one."
    )


_STEPS: Final = {
    "volume": _volume, "token": _token, "deploy": _deploy, "identity_concentration": _identity,
    "abuse": _abuse, "unknown_model": _unknown_model, "retry_storm": _retry_storm, "model_mix": _model_mix,
    "price": _price, "moved_alike": _volume,
}  # fmt: skip


def _budget(facts: Facts) -> Patch | None:
    """A daily limit of the driver, in USD."""
    limit = usd(_daily(facts)).replace("$", "").replace(",", "")
    entry = [*_named_budget(facts), f"    daily: {_quoted(limit)}"]
    return Patch(
        "budgets.yaml", "\n".join(entry) + "\n", "Add it to `budgets:`. It alerts; it blocks nothing."
    )


def _unit_cost_guard(facts: Facts) -> Patch | None:
    """A spend-alert on the cost of a request."""
    before = facts.baseline_usd_per_request
    if not before:
        return _budget(facts)
    limit = f"{_rounded(before * _ROOM):f}"
    entry = [*_named_budget(facts), "    spend_alerts:", f"      - {{unit_cost: {_quoted(limit)}}}"]
    how = "Add it to `budgets:`. It alerts when an hour's requests cost half as much again as the baseline's."
    return Patch("budgets.yaml", "\n".join(entry) + "\n", how)


def _named_budget(facts: Facts) -> list[str]:
    scope = {
        name: facts.focus[name] for name in ("endpoint", "tenant", "user", "model", "service")
        if name in facts.focus
    }  # fmt: skip
    kept = dict(list(scope.items())[:2])  # a budget has one dimension or two
    name = f"guardrail for {', '.join(kept.values()) or 'everything'}"
    lines = [f"  - name: {_quoted(name[:120])}"]
    if facts.environment not in ("prod", "*"):
        lines.append(f"    environment: {_quoted(facts.environment)}")
    if kept:
        inner = ", ".join(f"{name}: {_quoted(value)}" for name, value in kept.items())
        lines.append(f"    scope: {{{inner}}}")
    return lines


def _drift_threshold(facts: Facts) -> Patch | None:
    """A tighter threshold of the drift rule for the endpoint."""
    if not facts.focus.get("endpoint", "").strip():
        return None
    lines = [
        f"  {DRIFT_RULE}:",
        "    overrides:",
        f'      - {{endpoint: {_quoted(facts.focus["endpoint"])}, threshold: "1.25"}}',
    ]
    how = "Merge it into `rules:`. The endpoint then alerts at 1.25 times its baseline."
    return Patch("rules.yaml", "\n".join(lines) + "\n", how)


def _price_entry(facts: Facts) -> Patch | None:
    if facts.model is None:
        return None
    text = snippet([UnpricedModel(*facts.model, facts.at, facts.unpriced_calls)])
    return Patch("prices.yaml", text, "Fill in the price, then reload the service and reprice.")


def _gateway(facts: Facts) -> Patch | None:
    """A budget of the identity in LiteLLM, where a gateway of that kind stands before the models."""
    limit = float(_daily(facts))
    body: dict[str, object] = {"max_budget": limit, "budget_duration": "1d", "rpm_limit": _per_minute(facts)}
    if tenant := facts.focus.get("tenant"):
        path, body = "/team/update", {"team_id": tenant} | body
    elif user := facts.focus.get("user"):
        path, body = "/customer/update", {"user_id": user, "max_budget": limit}
    else:
        return None
    text = (
        f'curl -X POST "$LITELLM_URL{path}" \\\n  -H "Authorization: Bearer $LITELLM_MASTER_KEY" \\\n'
        f"  -H 'Content-Type: application/json' \\\n  -d {_shell(json.dumps(body, ensure_ascii=False))}\n"
    )
    how = "If your gateway is LiteLLM and knows it by this id; otherwise set the same limit in yours."
    return Patch("LiteLLM", text, how)


def _rate_limit(facts: Facts) -> Patch | None:
    """A limit at the edge, for the endpoint's own traffic."""
    rate = _per_minute(facts)
    text = (
        f"limit_req_zone $binary_remote_addr zone=spanledger:10m rate={rate}r/m;\n"
        f"limit_req zone=spanledger burst={max(1, rate // 4)} nodelay;\n"
        "limit_req_status 429;\n"
    )
    how = f"The first line into `http`, the others into the location that serves {_one_line(_whom(facts))}."
    return Patch("nginx.conf", text, how)


def _whom(facts: Facts) -> str:
    return facts.driver or ", ".join(f"{n} {v}" for n, v in facts.focus.items()) or "all traffic"


def _per_minute(facts: Facts) -> int:
    """Half as many again as in the baseline, at least one."""
    minutes = Decimal(max(facts.window.total_seconds() / 60, 1))
    return max(1, int((facts.baseline_requests * _ROOM / minutes).to_integral_value(ROUND_UP)))


def _daily(facts: Facts) -> Decimal:
    """A day at half as much again as the baseline, in whole cents."""
    days = Decimal(facts.window.total_seconds()) / 86400
    limit = facts.baseline_cost_usd * _ROOM / days if days else Decimal(0)
    return max(limit, _LEAST_DAILY_USD).quantize(Decimal("0.01"), ROUND_UP)


def _output_cap(facts: Facts) -> int:
    """Half as many tokens again as the mean, in steps of 64."""
    tokens = Decimal(facts.output_tokens_per_request or 0) * _ROOM
    return max(64, int((tokens / 64).to_integral_value(ROUND_UP)) * 64)


def _rounded(amount: Decimal) -> Decimal:
    """Three significant digits, upwards."""
    return amount.quantize(Decimal(1).scaleb(amount.adjusted() - 2), ROUND_UP)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    """A YAML string in double quotes; what cannot be printed is written as its number."""
    plain = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{"".join(plain)}"'


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"
