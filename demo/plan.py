"""The planned days: every request of eight days, drawn from a seed, so that each printed number is known."""

from __future__ import annotations

import itertools
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


class Draw(NamedTuple):
    """Which history: drawn from a seed, as long as so many days."""

    seed: int = 7
    days: int = shop.DAYS


class Plan(NamedTuple):
    """Days that end at `anchor`, in the order of time. The incidents are planted in the last two of them."""

    anchor: datetime
    seed: int
    days: int
    requests: Sequence[PlannedRequest]

    @property
    def begin(self) -> datetime:
        """Where the first day begins: no call is older."""
        return self.anchor - timedelta(days=self.days)

    @property
    def start(self) -> datetime:
        """Where the last day begins."""
        return self.anchor - timedelta(hours=24)

    @property
    def deploy(self) -> datetime:
        """When `answer_v8` replaced `answer_v7`."""
        return self.anchor - timedelta(hours=shop.DEPLOY_HOURS_AGO)

    def calls(self) -> Iterator[tuple[PlannedRequest, PlannedCall]]:
        """Every call beside its request."""
        return ((request, call) for request in self.requests for call in request.calls)


def make_plan(anchor: datetime, seed: int = 7, scale: float = 1.0, days: int = shop.DAYS) -> Plan:
    """Draw the days that end at `anchor` (UTC, cut to the minute).

    The same arguments draw the same days.
    """
    anchor = anchor.astimezone(UTC).replace(second=0, microsecond=0)
    rng = random.Random(seed)
    requests = [
        _request(rng, feature, tenant, minutes_ago, anchor)
        for feature in (*shop.FEATURES, shop.AGENT)
        for minutes_ago, tenant in zip(
            _minutes(rng, feature, anchor, days, scale), _tenants(rng, feature), strict=False
        )
    ]
    requests.sort(key=lambda request: request.calls[0].start_ns)
    return Plan(anchor, seed, days, requests)


def _minutes(
    rng: random.Random, feature: Feature, anchor: datetime, days: int, scale: float
) -> Iterator[float]:
    """How many minutes before the anchor each request begins: in each hour as many as the curve says."""
    hours = days * 24 if feature.first_hours_ago is None else feature.first_hours_ago
    # The last minutes stay empty: a call must have ended before the anchor, retries included.
    newest, oldest = 3.0, hours * 60
    while newest < oldest:
        until = anchor - timedelta(minutes=newest)
        # To the beginning of this hour of the clock, and a little behind it.
        part = min(oldest - newest, (until.minute or 60) + until.second / 60)
        rate = feature.rate_at((until - timedelta(microseconds=1)).hour) * scale / 60
        count = int(part * rate + rng.random())
        for place in range(count):
            yield newest + (place + rng.random()) * part / count
        newest += part


def _tenants(rng: random.Random, feature: Feature) -> Iterator[Tenant]:
    """Who asks, without end: dealt from a deck, so that the shares hold in every few hours."""
    if feature is shop.AGENT:
        yield from itertools.repeat(shop.ENGINEERING)
    deck = [tenant for tenant in shop.TENANTS for _ in range(tenant.requests // 2)]
    while True:
        yield from rng.sample(deck, len(deck))


def _is_stormy(feature: Feature, hours_ago: float) -> bool:
    return feature is shop.PRODUCT_QA and shop.STORM_TO_HOURS_AGO <= hours_ago < shop.STORM_FROM_HOURS_AGO


def _request(
    rng: random.Random, feature: Feature, tenant: Tenant, minutes_ago: float, anchor: datetime
) -> PlannedRequest:
    prompt = feature.prompt_at(minutes_ago / 60)
    start_ns = int(anchor.timestamp()) * 10**9 - int(minutes_ago * shop.MINUTE_NS)
    context = tenant.context_at(minutes_ago / 60)
    outcomes = _outcomes(rng, feature, minutes_ago / 60)
    return PlannedRequest(
        request_id="req_" + _token(rng, 22),
        feature=feature,
        prompt=prompt,
        tenant=tenant.name,
        user=draw_user(rng, tenant),
        calls=tuple(_calls(rng, feature, prompt, context, start_ns, outcomes)),
    )


def draw_tenant(rng: random.Random) -> Tenant:
    """Who asks, by the shares of the requests."""
    return rng.choices(shop.TENANTS, [tenant.requests for tenant in shop.TENANTS])[0]


def draw_user(rng: random.Random, tenant: Tenant) -> str:
    """One of the tenant's users, a few of them far more often than others."""
    return f"{tenant.name}-u{min(int(rng.expovariate(3 / tenant.users)), tenant.users - 1):03d}"


def _outcomes(rng: random.Random, feature: Feature, hours_ago: float) -> list[str]:
    """The tries of one request, in order; the last one decides it."""
    if feature is shop.AGENT:
        return [_agent_outcome(rng)]
    if _is_stormy(feature, hours_ago):
        return _storm(rng)
    tries: list[str] = []
    while rng.random() < ERROR_SHARE and len(tries) < 3:
        tries.append(rng.choice((RATE_LIMITED, SERVER_ERROR)))
    last = INTERRUPTED if feature.streaming and rng.random() < INTERRUPTED_SHARE else OK
    return [*tries, last]


def _agent_outcome(rng: random.Random) -> str:
    """Claude Code tells a request once, when its tries are over."""
    return RATE_LIMITED if rng.random() < shop.AGENT_ERROR_SHARE else OK


def _storm(rng: random.Random) -> list[str]:
    """The tries of one request in the storm: the provider refuses many, and the application retries at once.

    An answer that was cut off before its JSON ended is retried too: for the provider a success, and billed.
    """
    tries = [RATE_LIMITED if rng.random() < 0.55 else OK for _ in range(rng.randint(3, 6))]
    return [*tries, OK if rng.random() < 0.6 else RATE_LIMITED]


def _calls(
    rng: random.Random,
    feature: Feature,
    prompt: Prompt,
    context: float,
    start_ns: int,
    outcomes: Sequence[str],
) -> Iterator[PlannedCall]:
    for attempt, outcome in enumerate(outcomes, start=1):
        usage = _usage(rng, feature, prompt, context)
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


def _usage(rng: random.Random, feature: Feature, prompt: Prompt, context: float) -> Usage:
    tokens_in = max(4, int(feature.input_tokens * context * rng.lognormvariate(-0.03, 0.25)))
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
