"""Models and Pricing: which models spend, and is every price known and fresh?"""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.first_screen import Headline, hidden, money, notes, per_unit, signed
from dashboards.page import Page
from dashboards.panels import (
    COUNT,
    GREEN,
    MINUTE,
    NEUTRAL,
    ORANGE,
    SHARE,
    USD,
    YELLOW,
    Chart,
    Column,
    Table,
)
from dashboards.styles import (
    MODEL_STATES,
    SAMPLES,
    SOME_STEPS,
    UNCERTAIN_STEPS,
    calls_of,
    count,
    named,
    share,
)
from dashboards.widths import column_width

UID = "spanledger-models"

PRICING = Table(
    id=2,
    title="Which prices are in use?",
    sql="models/state",
    width=24,
    height=4,
    description=(
        "The price list the service loaded, your own map on top, and how many models of the selection have "
        "no price. Next: `spanledger unpriced` prints the entries to add to the map."
    ),
    columns={
        "base": Column("Price list", sample="genai-prices 0.2.3"),
        "own_map": Column("Own map"),
        "loaded_at": Column("Loaded", MINUTE),
        "unpriced_models": Column("Unpriced models", COUNT, 0, steps=SOME_STEPS),
        "oldest_check": Column("Oldest check", MINUTE),
    },
    empty="No prices have been loaded yet.",
)

UNCOUNTED = Headline(
    id=3,
    title="What is not included in the spend?",
    sql="models/uncounted",
    width=24,
    description=(
        "Calls of unknown cost (no price, or no certain usage), and spans whose usage no rule reads, "
        "whatever else is selected. They make the spend a lower bound. Next: complete the map, then run "
        "`spanledger reprice` for the past."
    ),
    columns={
        "exactness": Column(
            "The spend is",
            words={
                "exact": ("exact", GREEN),
                "at least": ("at least that", YELLOW),
                "no calls": ("no calls", NEUTRAL),
            },
        ),
        "unpriced_calls": Column("Calls without a price", COUNT, 0, steps=SOME_STEPS),
        "uncertain_share": Column("Uncertain usage", SHARE, 1, steps=UNCERTAIN_STEPS),
        "unread_spans": Column("Unread spans", COUNT, 0, steps=SOME_STEPS),
        **hidden("error_without_usage_calls"),
    },
)

MODELS = Table(
    id=4,
    title="Which model?",
    sql="models/models",
    width=24,
    height=10,
    description=(
        "Models by spend; the model in focus does not narrow the list. Cost per call leaves out calls "
        "without a price. `Answered` is the success ratio of the model family, since a failed call names "
        "only the model that was requested. Next: a name sets the focus."
    ),
    columns={
        "model": named("model"),
        "spend": money("Spend"),
        "cost_share": share("Share"),
        "change": signed("Change"),
        "calls": calls_of("model"),
        "unit_cost": per_unit("Per call"),
        "usd_per_million_tokens": Column("Per million", USD, 2),
        "cache_share": Column("Cached", SHARE, 1),
        "family_success_share": Column("Answered", SHARE, 1),
        "state": Column("State", words=MODEL_STATES),
        **hidden(
            "provider", "cost_usd", "baseline_cost_usd", "delta_usd", "cost_per_call_usd", "unpriced_calls"
        ),
    },
)

UNPRICED = Table(
    id=5,
    title="Which models have no price?",
    sql="models/unpriced",
    width=24,
    height=6,
    description=(
        "All retained hours, whatever the range. Unknown is not free: their cost is in no total. Next: give "
        "them a price, an alias or `free` in the pricing map."
    ),
    columns={
        "model": named("model"),
        "provider": Column("Provider", width=100),
        "environment": Column("Environment", width=110),
        "data_mode": Column("Data", width=70),
        "first_seen": Column("First seen (hour)", MINUTE),
        "last_seen": Column("Last seen (hour)", MINUTE),
        "calls": count("Calls"),
    },
    empty="Every model of the selection has a price.",
)

UNREAD = Table(
    id=12,
    title="Which usage is unread?",
    sql="models/unread",
    width=24,
    height=6,
    description=(
        "Spans and log records with token counts, or with a model and its provider, that no vocabulary "
        "reads, by emitter. Their cost is in no total. Next: `spanledger unread` prints a "
        "`receiver.dialects` entry to complete."
    ),
    columns={
        "scope": Column("Emitter", width=220),
        "version": Column("Version", width=90),
        "service_name": Column("Service", width=120),
        "environment": Column("Environment", width=110),
        "data_mode": Column("Data", width=70),
        "keys": Column("Keys", wrap=True),
        "spans": count("Spans"),
        "last_seen": Column("Last seen", MINUTE),
        **hidden("first_seen"),
    },
    empty="All usage that arrived was read.",
)

PRICES = Table(
    id=6,
    title="What was charged, and is it fresh?",
    sql="models/prices",
    width=24,
    height=8,
    description=(
        "Prices of the newest 2,000 calls before the end of the range, in USD per million tokens, with the "
        "days since each was last checked. Next: update the price list if they are old."
    ),
    columns={
        "model": Column("Model", sample=SAMPLES["model"]),
        "priced_as": Column("Priced as", sample="openai/text-embedding-3-small"),
        "service_tier": Column("Tier", width=column_width("Tier", "standard")),
        "input_usd": Column("Input", USD, 2, width=75),
        "cache_read_usd": Column("Cached", USD, 3, width=80),
        "output_usd": Column("Output", USD, 2, width=80),
        "calls": count("Calls"),
        "source": Column("Source", width=column_width("Source", "genai-prices 0.2.3")),
        "age_days": Column("Days old", "none", 0, steps=[(None, GREEN), (30, YELLOW), (90, ORANGE)]),
    },
    empty="No priced calls before the end of this range.",
)

SPEND = shared.over_time(
    7,
    shared.SPEND,
    "Spend by model",
    "models/spend",
    "Spend per bucket by model. Next: a new colour is a switch of models; Top Endpoints shows whose.",
    series="model",
    height=shared.FIRST_SCREEN,
)

CALLS = shared.over_time(
    8,
    shared.CALLS,
    "Calls by model",
    "models/calls",
    "Calls per bucket by model, including those without a price. Next: compare with the spend beside it.",
    series="model",
    height=shared.FIRST_SCREEN,
)

UNIT_COST = shared.over_time(
    9,
    shared.UNIT_COST,
    "Cost per call by model",
    "models/unit_cost",
    "Cost per call. A step without a change in tokens is a price change. Next: the terms below.",
    series="model",
)

ENDPOINTS = Table(
    id=10,
    title="Who calls it?",
    sql="models/endpoints",
    width=12,
    height=9,
    description=(
        "Endpoints of the selection by their change. Next: a name opens Top Endpoints and keeps the model."
    ),
    columns={
        "endpoint": named("endpoint"),
        "spend": money("Spend"),
        "change": signed("Change"),
        "calls": calls_of("endpoint"),
        **hidden("cost_usd", "delta_usd", "top_term"),
    },
)

CACHE = Chart(
    id=21,
    title="What did caching save?",
    sql="models/cache",
    width=24,
    unit=USD,
    by_segment=False,
    zero=False,
    leads_to=shared.CALLS_OF_A_BUCKET,
    columns={"cache_share": Column("from the cache", SHARE, 0), "saved_usd": Column("saved", USD)},
    description=(
        "The part of the input tokens that came from a cache, and about what that saved: cached tokens at "
        "what the model's fresh input cost over the range, less what reading and writing the cache cost. "
        "Below zero, writing costs more than reading saves. Next: an endpoint with the same long prefix and "
        "no share of cached input is worth a look."
    ),
)

PAGE = Page(
    UID,
    "Which models spend, and is every price known and fresh?",
    [
        [UNCOUNTED],
        [notes(1)],
        [SPEND, CALLS],
        [MODELS],
        [UNPRICED],
        [PRICES],
        [PRICING],
        [UNREAD],
        [UNIT_COST, ENDPOINTS],
        [CACHE],
    ],
)
