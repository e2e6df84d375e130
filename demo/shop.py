"""The imagined shop as data: its product features, prompts, models with list prices, and tenants."""

from __future__ import annotations

import hashlib
import hmac
from functools import cache
from typing import NamedTuple

HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000


class Model(NamedTuple):
    """A model and its list price in whole pico-USD per token (USD per million tokens x 10^6).

    The prices stand here a second time on purpose: what the demo prints is checked against them, not against
    the price book under test. Pages of 2026-11: openai.com/api/pricing, anthropic.com/pricing.

    Attributes:
        answers_as: the name in the provider's answer.
        input: None when no public list has the model: such calls must stay unpriced.
    """

    name: str
    answers_as: str
    provider: str
    input: int | None
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0


GPT_41 = Model("gpt-4.1", "gpt-4.1-2025-04-14", "openai", 2_000_000, 500_000, 0, 8_000_000)
GPT_41_MINI = Model("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "openai", 400_000, 100_000, 0, 1_600_000)
GPT_4O_MINI = Model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", "openai", 150_000, 75_000, 0, 600_000)
O4_MINI = Model("o4-mini", "o4-mini-2025-04-16", "openai", 1_100_000, 275_000, 0, 4_400_000)
EMBEDDING = Model("text-embedding-3-small", "text-embedding-3-small", "openai", 20_000)
SONNET = Model(
    "claude-sonnet-4-6", "claude-sonnet-4-6", "anthropic", 3_000_000, 300_000, 3_750_000, 15_000_000
)
OPUS = Model("claude-opus-5", "claude-opus-5", "anthropic", 5_000_000, 500_000, 6_250_000, 25_000_000)
OWN_MODEL = Model("gpt-oss-20b-catalog", "gpt-oss-20b-catalog", "openai", None)
"""An open model that the shop tuned and runs behind an OpenAI-compatible address. No list has its price."""

MODELS = {
    model.name: model for model in (GPT_41, GPT_41_MINI, GPT_4O_MINI, O4_MINI, EMBEDDING, SONNET, OWN_MODEL)
}


class Prompt(NamedTuple):
    """One deployed version of a feature's system prompt.

    Attributes:
        text: what the application sends; the provider stub answers as long as it asks ("at most N words").
        deployed_hours_ago: when it replaced the version before it; None when it was always there.
    """

    version: str
    text: str
    words: int
    deployed_hours_ago: float | None = None


class Feature(NamedTuple):
    """A product feature that asks a model.

    Attributes:
        per_day: requests on a day on which the feature runs all the time.
        input_tokens: mean size of a question with its context; `cached` of 100 of it come from the cache.
        reasoning: of 100 output tokens, how many are reasoning.
        first_hours_ago: the feature did not exist before; None when it was always there.
    """

    tag: str
    service: str
    route: str
    model: Model
    prompts: tuple[Prompt, ...]
    per_day: int
    input_tokens: int
    cached: int = 0
    reasoning: int = 0
    streaming: bool = False
    operation: str = "chat"
    first_hours_ago: float | None = None

    def prompt_at(self, hours_ago: float) -> Prompt:
        """The version that was deployed that many hours before the anchor."""
        live = [p for p in self.prompts if p.deployed_hours_ago is None or hours_ago <= p.deployed_hours_ago]
        return live[-1]

    def rate_at(self, hour: int) -> float:
        """Requests that customers make in that hour of the day (UTC)."""
        return self.per_day * DAY_CURVE[hour] / sum(DAY_CURVE)


# Requests by hour of the day (UTC), in parts: customers on every continent, busiest at noon, every day alike.
DAY_CURVE = (
    72,
    70,
    68,
    66,
    68,
    70,
    74,
    80,
    88,
    96,
    102,
    104,
    100,
    98,
    100,
    102,
    101,
    100,
    98,
    95,
    91,
    86,
    81,
    76,
)

DAYS = 8
"""Days of history before the demo starts: the last one against the same hours a week before."""
TENANT_HOURS_AGO = 48.0
STORM_FROM_HOURS_AGO, STORM_TO_HOURS_AGO = 10.0, 8.0
DEPLOY_HOURS_AGO = 6.0
OWN_MODEL_HOURS_AGO = 3.0
"""When each incident began (and the storm ended): apart from each other, each can be asked for alone."""

ANSWER = Feature(
    "support.answer",
    "support-bot",
    "/support/answer",
    GPT_41,
    (
        Prompt(
            "answer_v7", "Answer the customer's question from the articles below, in at most 180 words.", 180
        ),
        Prompt(
            "answer_v8",
            "Answer the customer's question from the articles below, step by step and in full, "
            "in at most 540 words.",
            540,
            DEPLOY_HOURS_AGO,
        ),
    ),
    per_day=1500,
    input_tokens=1600,
    cached=45,
    streaming=True,
)
TRIAGE = Feature(
    "support.triage",
    "support-bot",
    "/support/triage",
    GPT_4O_MINI,
    (Prompt("triage_v3", "Name the queue for this ticket, in at most 12 words.", 12),),
    per_day=900,
    input_tokens=620,
)
ASSIST = Feature(
    "support.agent_assist",
    "support-bot",
    "/support/assist",
    SONNET,
    (Prompt("assist_v4", "Draft a reply for the support agent, in at most 180 words.", 180),),
    per_day=450,
    input_tokens=4200,
    cached=70,
)
REFUND = Feature(
    "refunds.decide",
    "support-bot",
    "/refunds/decide",
    O4_MINI,
    (Prompt("refund_v2", "Decide whether the refund is due and say why, in at most 500 words.", 500),),
    per_day=350,
    input_tokens=1300,
    reasoning=70,
)
PRODUCT_QA = Feature(
    "product.qa",
    "shop-api",
    "/product/qa",
    GPT_41_MINI,
    (Prompt("qa_v5", "Answer from the product data, as JSON, in at most 90 words.", 90),),
    per_day=2000,
    input_tokens=1800,
    cached=30,
)
CHECKOUT = Feature(
    "checkout.ai_summary",
    "shop-api",
    "/checkout/summary",
    GPT_4O_MINI,
    (Prompt("summary_v3", "Summarise this order for the customer, in at most 60 words.", 60),),
    per_day=600,
    input_tokens=540,
)
SEARCH = Feature(
    "search.embed",
    "shop-api",
    "/search",
    EMBEDDING,
    (Prompt("search_v1", "", 0),),
    per_day=700,
    input_tokens=14,
    operation="embeddings",
)
DESCRIBE = Feature(
    "catalog.describe",
    "shop-api",
    "/catalog/describe",
    OWN_MODEL,
    (Prompt("describe_v1", "Write the catalogue text for this product, in at most 150 words.", 150),),
    per_day=1500,
    input_tokens=480,
    first_hours_ago=OWN_MODEL_HOURS_AGO,
)
FEATURES = (ANSWER, TRIAGE, ASSIST, REFUND, PRODUCT_QA, CHECKOUT, SEARCH, DESCRIBE)
CACHED_SHARES = {prompt.text: feature.cached for feature in FEATURES for prompt in feature.prompts}
"""Of 100 input tokens, how many the provider has in its cache, by the prompt that they begin with."""


AGENT = Feature(
    "shop-api",
    "claude-code",
    "",
    OPUS,
    (Prompt("2.1.216", "", 120),),
    per_day=14,
    input_tokens=9_000,
    cached=92,
)
"""A developer's work with Claude Code on one repository; no customer asks it (`demo.agent`)."""
AGENT_ERROR_SHARE = 0.06


class Tenant(NamedTuple):
    """A customer of the shop's platform.

    Attributes:
        requests: its share of the requests, in parts.
        context: how long its questions are today, and were before; 1 is usual.
    """

    name: str
    requests: int
    context: float = 1.0
    users: int = 40

    def context_at(self, hours_ago: float) -> float:
        """How long its questions were that many hours before the anchor."""
        return self.context if hours_ago <= TENANT_HOURS_AGO else 1.0


HEAVY_TENANT = "northwind"
TENANTS = (
    Tenant(HEAVY_TENANT, 12, context=8.0, users=60),
    Tenant("globex", 26),
    Tenant("initech", 20),
    Tenant("umbrella", 16),
    Tenant("tyrell", 12),
    Tenant("wayland", 8, users=12),
    Tenant("soylent", 6, users=8),
)

ENGINEERING = Tenant("engineering", 0, users=1)
"""The shop's own developers."""

IDENTITY_KEY = b"a secret of the application"


@cache
def pseudonym(user: str) -> str:
    """The user as telemetry sees it: a keyed hash that only the application can make."""
    return "hmac:" + hmac.new(IDENTITY_KEY, user.encode(), hashlib.sha256).hexdigest()[:32]
