"""One span read: is it one billed call, which call, and what tags it holds for the calls below it."""

from __future__ import annotations

from dataclasses import dataclass, field

from processor.call import UNKNOWN, Flag, ModelCall, Source
from processor.vocabulary import PROVIDERS, provider_name, provider_of_model
from receiver.attributes import as_microseconds, as_microseconds_of_ms
from receiver.dialects.litellm import RAW_REQUEST, provider_response_id
from receiver.dialects.otel_genai import OPERATIONS
from receiver.dialects.outcome import failed, set_outcome
from receiver.dialects.plan import Plan, Plans, Reading
from receiver.dialects.table import COUNTS, Origin, Subject, Values, Verdict
from receiver.dialects.usage import set_usage
from receiver.wire import Span

SERVER = 2
NOT_GENAI = Verdict(False, "carries no model call")
RAW = Verdict(False, "LiteLLM's raw request: belongs to the call on its parent", wrapper=True)
_CALL_TYPES = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "responses": "responses",
}
"""`llm.request.type` of old OpenLLMetry and LiteLLM."""


@dataclass(slots=True, eq=False)
class Seen:
    """A span that was read.

    Attributes:
        group_key: the bytes of its Resource.
        call: the call that it is or, for a wrapper, would be; None otherwise.
        twin_of: the span that is counted instead of this one (`receiver.join`).
        twins: spans that proved to be this call.
        taken: tags that a twin knew better, with where they came from.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    kind: int
    start: int
    end: int
    group_key: bytes
    plan: Plan
    reading: Reading
    verdict: Verdict
    call: ModelCall | None
    twin_of: Seen | None = None
    twins: list[Seen] = field(default_factory=list)
    taken: dict[str, tuple[str, Source]] = field(default_factory=dict)

    @property
    def is_root(self) -> bool:
        return not self.parent_span_id


def read_span(span: Span, origin: Origin, plans: Plans, received_ns: int, group_key: bytes) -> Seen:
    """Read one parsed span by the tables."""
    attributes_of = span.attributes
    plan = plans.plan(origin, attributes_of)
    reading = plan.read(attributes_of)
    values = reading.values
    name = span.name.decode("utf-8", "replace")
    is_failed = failed(span, values)
    verdict = _judge(plan, values, name, is_failed)
    call = None
    if verdict.counts or verdict.wrapper:
        call = _make_call(span, plan, reading, is_failed, received_ns)
    return Seen(
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        name,
        span.kind,
        span.start,
        span.end,
        group_key,
        plan,
        reading,
        verdict,
        call,
    )


def _judge(plan: Plan, values: Values, name: str, is_failed: bool) -> Verdict:
    """Step 1: the first rule that applies decides."""
    if name == RAW_REQUEST or ("raw_response_id" in values and "otel_operation" not in values):
        return RAW
    if plan.judges:
        subject = Subject(values, name, is_failed, plan.origin)
        for mark, judge in plan.judges:
            verdict = judge(subject) if not mark or mark in values else None
            if verdict is not None:
                return verdict
    if values.get("request_type") in _CALL_TYPES:
        return COUNTS
    used = "input_tokens" in values or "output_tokens" in values
    return COUNTS if used and "request_model" in values else NOT_GENAI


def _make_call(span: Span, plan: Plan, reading: Reading, is_failed: bool, received_ns: int) -> ModelCall:
    values = reading.values
    get = values.get
    provider = get("provider")
    model = get("model")
    if provider is None:
        provider = _unnamed_provider(plan, reading, model)
    call = ModelCall(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        time_ns=span.start,
        received_ns=received_ns,
        provider=provider or UNKNOWN,  # type: ignore[arg-type]
        model=_model_name(model, provider) or UNKNOWN,
        request_model=_model_name(get("request_model"), provider),
        operation=_operation(values),
        endpoint_tag=get("endpoint_tag"),  # type: ignore[arg-type]
        prompt_version=get("prompt_version"),  # type: ignore[arg-type]
        user_id=get("user_id"),  # type: ignore[arg-type]
        tenant_id=get("tenant_id"),  # type: ignore[arg-type]
        streaming=_streaming(values),
        service_tier=get("service_tier"),  # type: ignore[arg-type]
        conversation_id=get("conversation_id"),  # type: ignore[arg-type]
        dialect=plan.dialect,
    )
    _set_times(call, span, values, plan.origin)
    if plan.has_identifiers:
        _set_identifiers(call, values)
    set_outcome(call, span, values, is_failed)
    rank = set_usage(call, plan, reading)
    call.sources = plan.sources(reading, rank)
    return call


def _unnamed_provider(plan: Plan, reading: Reading, model: object) -> str | None:
    key = plan.key_of(reading, "raw_response_id")
    if key is not None and "raw_response_id" in reading.values:
        named = provider_name(key.attribute.split(".")[1])
        if named is not None:
            return named
    return provider_of_model(model if isinstance(model, str) else None)


def _model_name(model: object, provider: object) -> str | None:
    """The id without the gateway's `provider/` in front of it."""
    if not isinstance(model, str):
        return None
    if "/" in model:
        head, _, rest = model.partition("/")
        if rest and provider is not None and PROVIDERS.get(head.lower()) == provider:
            return rest
    return model


def _operation(values: Values) -> str:
    named = OPERATIONS.get(values.get("otel_operation"))  # type: ignore[call-overload]
    if named is not None:
        return str(named)
    if values.get("oi_kind") == "EMBEDDING" or values.get("langfuse_type") == "embedding":
        return "embeddings"
    vercel = values.get("vercel_operation")
    if isinstance(vercel, str):
        return "embeddings" if "embed" in vercel.lower() else "chat"
    return _CALL_TYPES.get(values.get("request_type"), "chat")  # type: ignore[arg-type]


def _streaming(values: Values) -> bool | None:
    sent = values.get("streaming")
    if sent is not None:
        return bool(sent)
    vercel = values.get("vercel_operation")
    if isinstance(vercel, str) and vercel.endswith((".doStream", ".doGenerate")):
        return vercel.endswith(".doStream")
    return None


def _set_times(call: ModelCall, span: Span, values: Values, origin: Origin) -> None:
    length = span.end - span.start
    if length > 0 and span.kind != SERVER:
        call.latency_us = (length + 500) // 1000
    else:  # a SERVER span that LiteLLM wrote on has the request's length, not the model's
        call.flags |= Flag.LATENCY_UNKNOWN
    if "first_chunk_seconds" in values:
        call.time_to_first_token_us = as_microseconds(values["first_chunk_seconds"])
    elif "first_chunk_ms" in values:
        call.time_to_first_token_us = as_microseconds_of_ms(values["first_chunk_ms"])
    elif "first_token" in values:  # seconds; Strands writes milliseconds under the same key
        strands = origin.scope.startswith("strands")
        read = as_microseconds_of_ms if strands else as_microseconds
        call.time_to_first_token_us = read(values["first_token"])


def _set_identifiers(call: ModelCall, values: Values) -> None:
    response_id = values.get("raw_response_id", values.get("response_id"))
    litellm_id = values.get("litellm_id")
    if isinstance(response_id, str):
        call.response_id = provider_response_id(
            response_id, litellm_id if isinstance(litellm_id, str) else None
        )
    given = values.get("external_request_id")
    if isinstance(given, str):
        call.external_request_id, call.request_id_given = given, True
    attempt = values.get("attempt")
    call.attempt = attempt if isinstance(attempt, int) else None
    cost = values.get("reported_cost")
    call.reported_cost_pico_usd = cost if isinstance(cost, int) else None
