"""OpenLLMetry (Traceloop), Python 0.40 and 0.62, JavaScript and Go: `traceloop.*`, old `llm.*`."""

from __future__ import annotations

from receiver.dialects.spellings import attribute_keys
from receiver.dialects.table import Dialect, Key, Values, Verdict, metadata, repeats_usage

PROPERTIES = "traceloop.association.properties."


def judge(values: Values, failed: bool) -> Verdict | None:
    return repeats_usage(f"Traceloop {values['traceloop_kind']!s} span: not a model call", values)


DIALECT = Dialect(
    name="openllmetry",
    mark="traceloop_kind",
    judge=judge,
    scopes=(
        "traceloop.",
        "@traceloop/",
        "opentelemetry.instrumentation.openai.v1",
        "opentelemetry.instrumentation.anthropic",
        "opentelemetry.instrumentation.bedrock",
        "opentelemetry.instrumentation.cohere",
        "opentelemetry.instrumentation.google_generativeai",
        "opentelemetry.instrumentation.groq",
        "opentelemetry.instrumentation.haystack",
        "opentelemetry.instrumentation.langchain",
        "opentelemetry.instrumentation.llamaindex",
        "opentelemetry.instrumentation.mistralai",
        "opentelemetry.instrumentation.ollama",
        "opentelemetry.instrumentation.openai_agents",
        "opentelemetry.instrumentation.vertexai",
        "opentelemetry.instrumentation.watsonx",
    ),
    keys=(
        Key("traceloop_kind", 10, "traceloop.span.kind"),
        Key("request_type", 10, "llm.request.type"),
        Key("answered_by", 10, "gen_ai.response.model", only="opentelemetry.instrumentation.anthropic"),
        Key("provider", 60, PROPERTIES + "ls_provider"),
        Key("request_model", 70, PROPERTIES + "ls_model_name"),
        # Go, whose scope is the program's name (traceloop/go-openllmetry, semconv-ai/attributes.go)
        Key("provider", 70, "llm.vendor"),
        Key("model", 60, "llm.response.model"),
        Key("model", 95, "llm.request.model"),
        Key("request_model", 80, "llm.request.model"),
        *attribute_keys("llm.usage.", 40),
        Key("streaming", 20, "llm.is_streaming"),
        Key("prompt_version", 50, "traceloop.prompt.version"),
        Key("prompt_version", 60, "traceloop.entity.version"),
        Key("workflow", 40, "traceloop.workflow.name"),
        *metadata(PROPERTIES, 10),
    ),
)
