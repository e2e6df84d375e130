"""OpenInference (Arize): `openinference.span.kind`, `llm.*`; ids only inside `output.value`."""

from __future__ import annotations

from receiver.dialects.spellings import attribute_keys
from receiver.dialects.table import COUNTS, Dialect, Key, Values, Verdict, metadata_document, repeats_usage
from receiver.dialects.usage_objects import langchain_answer

_CALLS = {"LLM": "chat", "EMBEDDING": "embeddings"}


def judge(values: Values, failed: bool) -> Verdict | None:
    kind = values["oi_kind"]
    if kind not in _CALLS:
        return repeats_usage(f"OpenInference {kind!s} span: not a model call", values)
    known = "model" in values or "input_tokens" in values or failed
    return (
        COUNTS
        if known
        else Verdict(False, f"OpenInference {kind!s} span without model, tokens or error", known=False)
    )


_SCOPE = "openinference.instrumentation."

DIALECT = Dialect(
    name="openinference",
    mark="oi_kind",
    judge=judge,
    calls=_CALLS,
    scopes=("openinference.", "@arizeai/openinference"),
    keys=(
        Key("oi_kind", 10, "openinference.span.kind"),
        Key("provider", 25, "llm.system", only=_SCOPE + "vertexai"),  # `llm.provider` is `google` there
        Key("provider", 30, "llm.provider"),
        Key("provider", 40, "llm.system"),
        Key("provider", 60, "metadata", ("ls_provider",)),
        Key("model", 30, "llm.response.model_name"),
        Key("model", 40, "llm.model_name"),
        Key("model", 50, "embedding.model_name"),
        Key("model", 80, "llm.request.model_name"),
        Key("model", 95, "llm.invocation_parameters", ("model",)),
        Key(
            "model", 96, "embedding.invocation_parameters", ("model",)
        ),  # all that a failed embeddings call has
        Key("request_model", 20, "llm.request.model_name"),
        Key("request_model", 40, "llm.invocation_parameters", ("model",)),
        Key("asked_tier", 40, "llm.invocation_parameters", ("service_tier",)),
        Key("request_model", 50, "metadata", ("ls_model_name",)),
        Key("request_model", 60, "embedding.model_name"),
        Key("request_model", 61, "embedding.invocation_parameters", ("model",)),
        Key("response_id", 30, "output.value", ("id",)),
        Key("response_id", 31, "output.value", ("response_id",)),
        *langchain_answer("output.value", _SCOPE + "langchain"),
        *langchain_answer("output.value", "@arizeai/openinference-instrumentation-langchain"),
        Key("request_model", 80, "llm.model_name", only=_SCOPE + "smolagents"),
        Key("request_model", 80, "llm.model_name", only=_SCOPE + "bedrock"),
        Key("request_model", 80, "llm.model_name", only=_SCOPE + "litellm"),
        Key("prompt_version", 8, "llm.prompt_template.version"),
        Key("user_id", 70, "llm.user"),
        *attribute_keys("llm.token_count.", 30),
        Key("reported_cost", 20, "llm.cost.total"),
        # What the counts on the span leave out stands in the answer (Haystack, google-genai, ...).
        Key("service_tier", 30, "output.value", ("service_tier",)),
        Key("service_tier", 31, "output.value", ("usage", "service_tier")),
        Key("geography", 30, "output.value", ("usage", "inference_geo")),
        Key("paid_extras", 30, "output.value", ("usage", "server_tool_use", "web_search_requests")),
        Key(
            "cache_write_1h_tokens",
            90,
            "output.value",
            ("usage", "cache_creation", "ephemeral_1h_input_tokens"),
        ),
        Key("cache_read_tokens", 90, "output.value", ("usage", "prompt_tokens_details", "cached_tokens")),
        Key(
            "cache_read_tokens",
            91,
            "output.value",
            ("meta", 0, "usage", "prompt_tokens_details", "cached_tokens"),
        ),
        *metadata_document("metadata", 14),
    ),
)
