"""The demo's plan in a real ledger: priced by the price book, written by the writer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache

from demo import truth
from demo.plan import Plan, PlannedCall, PlannedRequest
from demo.shop import pseudonym
from processor.calls.call import PROVIDER, Batch, ModelCall
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from storage.ingest.writer import MAX_CALLS, Writer


@cache
def price_book() -> PriceBook:
    """The prices that the service starts with."""
    return load_price_book(None)


def write_plan(dsn: str, plan: Plan, environment: str = "prod") -> None:
    """Store every call of the plan."""
    book, writer = price_book(), Writer(dsn)
    calls = list(calls_of(plan, environment))
    for start in range(0, len(calls), MAX_CALLS):
        batch = calls[start : start + MAX_CALLS]
        writer.write([(Batch(calls=batch, spans=len(batch)), [price_call(call, book) for call in batch])])
    writer.close()


def calls_of(plan: Plan, environment: str = "prod") -> Iterator[ModelCall]:
    """The plan's calls as the receiver reads them."""
    for request, call in plan.calls():
        yield model_call(request, call, environment)


def model_call(request: PlannedRequest, call: PlannedCall, environment: str = "prod") -> ModelCall:
    """One planned call as the receiver reads it."""
    digest = hashlib.sha256(f"{environment}{request.request_id}{call.attempt}".encode()).digest()
    failed, usage = truth.failed(call), call.usage
    read = ModelCall(
        trace_id=digest[:16], span_id=digest[16:24], time_ns=call.start_ns, claimed_time_ns=call.start_ns,
        received_ns=call.end_ns, latency_us=(call.end_ns - call.start_ns) // 1_000,
        provider=request.model.provider,
        model=request.model.name if failed else request.model.answers_as,
        operation=request.feature.operation, endpoint_tag=request.feature.tag,
        prompt_version=request.prompt.version, tenant_id=request.tenant, user_id=pseudonym(request.user),
        environment=environment, data_mode="demo", service_name=request.feature.service,
        external_request_id=request.request_id, request_id_given=True, attempt=call.attempt,
        status="error" if failed else "success", dialect="otel_genai",
    )  # fmt: skip
    if usage:
        read.input_tokens, read.output_tokens, read.usage_source = usage.input, usage.output, PROVIDER
        read.cache_read_tokens, read.cache_write_tokens = usage.cache_read, usage.cache_write
    return read
