"""The shop's two services: ordinary applications, seen through stock OpenTelemetry parts only.

`support-bot`: the OpenAI SDK under `opentelemetry-instrumentation-genai-openai`, and the Anthropic SDK, which
traces itself, under `-genai-anthropic`: each of those calls is two spans, and must count once.
`shop-api`: the OpenAI SDK under `openinference-instrumentation-openai`.

Where spans go is the exporter's own business: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL and
OTEL_RESOURCE_ATTRIBUTES. Nothing here knows Spanledger.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
from opentelemetry import baggage, context, trace
from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo import shop
from demo.shop import Feature

TAGS = ("endpoint_tag", "prompt_version", "tenant.id", "user.id", "external_request_id", "attempt")
"""What the application says about a call: OpenTelemetry baggage, copied onto every span below."""
TRIES = 4
tracer = trace.get_tracer("shop")


def instrument(service: str) -> TracerProvider:
    """Switch on tracing. Tags come from baggage; spans leave in batches, away from the request."""
    provider = TracerProvider()
    provider.add_span_processor(BaggageSpanProcessor(TAGS.__contains__))
    provider.add_span_processor(BatchSpanProcessor(_exporter()))
    trace.set_tracer_provider(provider)
    if service == "shop-api":
        from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference

        OpenInference().instrument()
    else:
        from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument()
        AnthropicInstrumentor().instrument()
    return provider


def _exporter() -> SpanExporter:
    """The stock exporter for the protocol that the environment names."""
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

    return HttpExporter()


@contextmanager
def tagged(**tags: str) -> Iterator[None]:
    """Tag every span that starts inside; `__` in a name stands for a dot."""
    tagged_context = context.get_current()
    for name, value in tags.items():
        tagged_context = baggage.set_baggage(name.replace("__", "."), value, tagged_context)
    token = context.attach(tagged_context)
    try:
        yield
    finally:
        context.detach(token)


class Shop:
    """The product: answers a customer's question with the feature's model.

    Args:
        provider_url: where OpenAI and Anthropic are spoken.
    """

    def __init__(self, provider_url: str) -> None:
        # The application retries itself, so that every try is a span under one request id.
        self.openai = openai.OpenAI(api_key="demo", base_url=f"{provider_url}/v1", max_retries=0)
        self.anthropic = anthropic.Anthropic(api_key="demo", base_url=provider_url, max_retries=0)

    def answer(self, feature: Feature, asked: dict[str, str]) -> str:
        """Answer one question, with up to four tries under one request id."""
        tags = {"endpoint_tag": feature.tag, "prompt_version": feature.prompts[-1].version}
        who = {"tenant__id": asked["tenant"], "user__id": shop.pseudonym(asked["user"])}
        with (
            tagged(**tags, **who, external_request_id=asked["request_id"]),
            tracer.start_as_current_span(f"POST {feature.route}", kind=trace.SpanKind.SERVER),
        ):
            for attempt in range(1, TRIES + 1):
                try:
                    with tagged(attempt=str(attempt)):
                        return self.ask(feature, asked["question"])
                except (openai.APIStatusError, anthropic.APIStatusError):
                    if attempt == TRIES:
                        raise
        raise AssertionError("unreachable")

    def ask(self, feature: Feature, question: str) -> str:
        """One call of the feature's model."""
        system, model = feature.prompts[-1].text, feature.model.name
        if feature.operation == "embeddings":
            return str(self.openai.embeddings.create(model=model, input=question).data[0].embedding)
        if feature.model.provider == "anthropic":
            content: list[Any] = [{"role": "user", "content": question}]
            reply = self.anthropic.messages.create(
                model=model, max_tokens=1024, system=system, messages=content
            )
            return "".join(part.text for part in reply.content if part.type == "text")
        messages: list[Any] = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        if feature.streaming:
            stream = self.openai.chat.completions.create(
                model=model, messages=messages, stream=True, stream_options={"include_usage": True}
            )
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        return (
            self.openai.chat.completions.create(model=model, messages=messages).choices[0].message.content
            or ""
        )


def web_app(service: str, product: Shop) -> Starlette:
    """The service's HTTP face: one POST route per feature, the question as JSON."""

    def route(feature: Feature) -> Route:
        async def handle(request: Request) -> Response:
            asked = await request.json()
            return JSONResponse({"answer": await run_in_threadpool(product.answer, feature, asked)})

        return Route(feature.route, handle, methods=["POST"])

    return Starlette(routes=[route(feature) for feature in shop.FEATURES if feature.service == service])
