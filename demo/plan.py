"""The planned day: every request of 24 hours, drawn from a seed, so that each printed number is known."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from string import ascii_letters, digits
from typing import NamedTuple

from demo import shop
from demo.shop import Feature, Model, Prompt, Tenant

OK, RATE_LIMITED, SERVER_ERROR, INTERRUPTED = "ok", "rate_limited", "server_error", "interrupted"
"""How a call ended; `INTERRUPTED`: the customer left while the answer streamed, so no usage was sent."""

TOKENS_PER_WORD = 1.33
ERROR_SHARE, INTERRUPTED_SHARE = 0.008, 0.012


class Usage(NamedTuple):
    """Tokens as the provider bills them. Input includes the cache, output includes reasoning."""

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call of a model: one try of a request.

    Attributes:
        usage: None when the provider sent none (errors, interrupted streams).
    """

    start_ns: int
    end_ns: int
    attempt: int
    outcome: str
    usage: Usage | None
    response_id: str
    first_chunk_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request of a customer to a feature, with every try it took."""

    request_id: str
    feature: Feature
    prompt: Prompt
    tenant: str
    user: str
    calls: tuple[PlannedCall, ...]

    @property
    def model(self) -> Model:
        """The model that was asked."""
        return self.feature.model


class Plan(NamedTuple):
    """A day that ends at `anchor`, in the order of time."""

    anchor: datetime
    seed: int
    requests: Sequence[PlannedRequest]

    @property
    def start(self) -> datetime:
        """Where the day begins: no call is older."""
        return self.anchor - timedelta(hours=24)

    @property
    def deploy(self) -> datetime:
        """When `answer_v8` replaced `answer_v7`."""
        return self.anchor - timedelta(hours=shop.DEPLOY_HOURS_AGO)

    def calls(self) -> Iterator[tuple[PlannedRequest, PlannedCall]]:
        """Every call beside its request."""
        return ((request, call) for request in self.requests for call in request.calls)


def make_plan(anchor: datetime, seed: int = 7, scale: float = 1.0) -> Plan:
    """Draw the day that ends at `anchor` (UTC, cut to the minute). Same anchor, seed and scale: same day."""
    anchor = anchor.astimezone(UTC).replace(second=0, microsecond=0)
    rng = random.Random(seed)
    requests = [
        _request(rng, feature, minutes_ago, anchor)
        for feature in shop.FEATURES
        for minutes_ago in _minutes(rng, feature, anchor, round(feature.per_day * scale))
    ]
    requests += [
        _request(rng, shop.PRODUCT_QA, minutes_ago, anchor, _storm(rng))
        for minutes_ago in _storm_minutes(rng, round(shop.STORM_REQUESTS * scale))
    ]
    requests += [
        _request(rng, shop.AGENT, minutes_ago, anchor, [_agent_outcome(rng)], shop.ENGINEERING)
        for minutes_ago in _minutes(rng, shop.AGENT, anchor, round(shop.AGENT.per_day * scale))
    ]
    requests.sort(key=lambda request: request.calls[0].start_ns)
    return Plan(anchor, seed, requests)


def _minutes(rng: random.Random, feature: Feature, anchor: datetime, count: int) -> list[float]:
    """How many minutes before the anchor each request begins, drawn from the curve of the day."""
    span = 24 * 60 if feature.first_hours_ago is None else int(feature.first_hours_ago * 60)
    # The last minutes stay empty: a call must have ended before the anchor, retries included.
    minutes = range(3, span)
    weights = [_load(anchor - timedelta(minutes=minute)) for minute in minutes]
    return [minute + rng.random() for minute in rng.choices(minutes, weights, k=count)]


def _load(moment: datetime) -> float:
    load = shop.DAY_CURVE[moment.hour]
    return load * shop.WEEKEND if moment.weekday() >= 5 else load


def _storm_minutes(rng: random.Random, count: int) -> list[float]:
    return [rng.uniform(shop.STORM_TO_MINUTES_AGO, shop.STORM_FROM_MINUTES_AGO) for _ in range(count)]


def _request(
    rng: random.Random,
    feature: Feature,
    minutes_ago: float,
    anchor: datetime,
    outcomes: Sequence[str] | None = None,
    tenant: Tenant | None = None,
) -> PlannedRequest:
    prompt = feature.prompt_at(minutes_ago / 60)
    tenant = tenant or rng.choices(shop.TENANTS, [tenant.requests for tenant in shop.TENANTS])[0]
    start_ns = int(anchor.timestamp()) * 10**9 - int(minutes_ago * shop.MINUTE_NS)
    outcomes = outcomes or _outcomes(rng, feature)
    return PlannedRequest(
        request_id="req_" + _token(rng, 22),
        feature=feature,
        prompt=prompt,
        tenant=tenant.name,
        user=f"{tenant.name}-u{min(int(rng.expovariate(6 / tenant.users)), tenant.users - 1):03d}",
        calls=tuple(_calls(rng, feature, prompt, tenant, start_ns, outcomes)),
    )


def _outcomes(rng: random.Random, feature: Feature) -> list[str]:
    """The tries of one request, in order; the last one decides it."""
    tries: list[str] = []
    while rng.random() < ERROR_SHARE and len(tries) < 3:
        tries.append(rng.choice((RATE_LIMITED, SERVER_ERROR)))
    last = INTERRUPTED if feature.streaming and rng.random() < INTERRUPTED_SHARE else OK
    return [*tries, last]


def _agent_outcome(rng: random.Random) -> str:
    """Claude Code tells a request once, when its tries are over."""
    return RATE_LIMITED if rng.random() < shop.AGENT_ERROR_SHARE else OK


def _storm(rng: random.Random) -> list[str]:
    """The tries of one request in the storm: the provider refuses most, and the application retries at once.

    An answer that was cut off before its JSON ended is retried too: for the provider a success, and billed.
    """
    tries = [RATE_LIMITED if rng.random() < 0.75 else OK for _ in range(rng.randint(3, 6))]
    return [*tries, OK if rng.random() < 0.6 else RATE_LIMITED]


def _calls(
    rng: random.Random,
    feature: Feature,
    prompt: Prompt,
    tenant: Tenant,
    start_ns: int,
    outcomes: Sequence[str],
) -> Iterator[PlannedCall]:
    for attempt, outcome in enumerate(outcomes, start=1):
        usage = _usage(rng, feature, prompt, tenant)
        seconds = 0.09 + rng.random() / 8
        if outcome in (OK, INTERRUPTED):
            seconds += 0.25 + usage.output * (0.006 + rng.random() / 250)
        end_ns = start_ns + int(seconds * 10**9)
        streamed = feature.streaming and outcome in (OK, INTERRUPTED)
        yield PlannedCall(
            start_ns,
            end_ns,
            attempt,
            outcome,
            usage=usage if outcome == OK else None,
            response_id=("msg_01" if feature.model.provider == "anthropic" else "chatcmpl-")
            + _token(rng, 22),
            first_chunk_seconds=round(0.12 + seconds / 9, 6) if streamed else None,
        )
        start_ns = end_ns + int((0.2 + rng.random()) * 10**9)


def _usage(rng: random.Random, feature: Feature, prompt: Prompt, tenant: Tenant) -> Usage:
    tokens_in = max(4, int(feature.input_tokens * tenant.context * rng.lognormvariate(-0.03, 0.25)))
    if feature.operation == "embeddings":
        return Usage(tokens_in, 0)
    tokens_out = max(3, int(prompt.words * TOKENS_PER_WORD * rng.lognormvariate(-0.02, 0.2)))
    cached = tokens_in * feature.cached // 100 if rng.random() < 0.85 else 0
    cached -= cached % 64  # providers cache in blocks
    written = 0
    if feature.model.cache_write and not cached:
        written = tokens_in * feature.cached // 100
    return Usage(tokens_in, tokens_out, cached, written, tokens_out * feature.reasoning // 100)


def _token(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(ascii_letters + digits, k=length))
