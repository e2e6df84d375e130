"""Simulated calls on their way into a ledger: priced as any, committed by the writer that receivers use."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from demo.simulation.world import Draft
from processor.calls.call import ERROR, MISSING, PROVIDER, SUCCESS, Batch, ModelCall, Source
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from storage.ingest.writer import Writer

_BATCH = 5_000
"""As many as a receiver's transaction holds at most."""
_SOURCES = (Source("model", "<simulated>", 0), Source("input_tokens", "<simulated>", 10))


def history_writer(dsn: str) -> Writer:
    """A writer for simulated history; close it. It says nothing about how fast calls become visible."""
    return Writer(dsn)


def play(
    writer: Writer, book: PriceBook, made: Iterable[Draft], environment: str = "prod", data_mode: str = "demo"
) -> int:
    """Write the calls; how many were accepted.

    Raises:
        StorageUnavailable: the database is away; what was committed stays.
    """
    calls, accepted = (model_call(draft, environment, data_mode) for draft in made), 0
    while some := list(islice(calls, _BATCH)):
        charges = [price_call(call, book) for call in some]
        (outcome,) = writer.write([(Batch(calls=some, spans=len(some)), charges)])
        accepted += outcome.accepted
    return accepted


def model_call(draft: Draft, environment: str = "prod", data_mode: str = "real") -> ModelCall:
    """The draft as a call with tokens; alike for the same draft."""
    feature = draft.feature
    name = f"{draft.time.isoformat()} {feature.endpoint} {draft.user} {draft.request_id}"
    digest = hashlib.blake2b(f"{environment} {data_mode} {name}".encode(), digest_size=24).digest()
    rng = random.Random(digest)
    tokens_in, tokens_out = (
        _tokens(rng, mean, draft.size) for mean in (feature.input_tokens, feature.output_tokens)
    )
    time_ns = _nanoseconds(draft.time)
    tells = draft.tells_usage and not draft.failed
    latency_us = int(rng.lognormvariate(13.8, 0.5))
    return ModelCall(
        trace_id=digest[:16], span_id=digest[16:], time_ns=time_ns, claimed_time_ns=time_ns,
        received_ns=time_ns + latency_us * 1000, latency_us=latency_us, provider=feature.provider,
        model=feature.model, endpoint_tag=feature.endpoint, prompt_version=feature.version,
        user_id=draft.user, tenant_id=draft.tenant, environment=environment, data_mode=data_mode,
        service_name=feature.service, input_tokens=tokens_in if tells else None,
        output_tokens=tokens_out if tells else None,
        usage_source=PROVIDER if tells else MISSING,
        status=ERROR if draft.failed else SUCCESS, error_type="rate_limited" if draft.failed else None,
        external_request_id=draft.request_id, request_id_given=draft.request_id is not None,
        dialect="otel_genai", sources=_SOURCES,
    )  # fmt: skip


def _tokens(rng: random.Random, mean: float, size: float) -> int:
    return max(1, round(mean * size * rng.lognormvariate(0, 0.6) / math.exp(0.18)))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
