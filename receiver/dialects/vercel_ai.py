"""Vercel AI SDK 5, 6 and 7: `ai.*`. Version 7 writes OpenTelemetry keys under the scope `gen_ai`."""

from __future__ import annotations

from receiver.dialects.spellings import attribute_keys, usage_object_keys
from receiver.dialects.table import COUNTS, Dialect, Key, Values, Verdict, metadata

_CALLS = (".doGenerate", ".doStream", ".doEmbed")
_METADATA = "ai.response.providerMetadata"


def judge(values: Values, failed: bool) -> Verdict | None:
    operation = str(values["vercel_operation"])
    if operation.endswith(_CALLS):
        return COUNTS
    if operation == "ai.toolCall":
        return Verdict(False, "ai.toolCall: not a model call")
    return Verdict(False, f"{operation} wraps the model calls below it and repeats their usage", wrapper=True)


DIALECT = Dialect(
    name="vercel_ai",
    mark="vercel_operation",
    judge=judge,
    scopes=("ai", "gen_ai"),
    keys=(
        Key("vercel_operation", 10, "ai.operationId"),
        Key("provider", 50, "ai.model.provider"),
        Key("model", 20, "ai.response.model"),
        Key("model", 90, "ai.model.id"),
        Key("request_model", 30, "ai.model.id"),
        Key("response_id", 20, "ai.response.id"),
        *attribute_keys("ai.usage.", 50),
        *usage_object_keys(_METADATA, 60, "anthropic", "usage"),
        Key("cache_write_tokens", 61, _METADATA, ("anthropic", "cacheCreationInputTokens")),
        *usage_object_keys(_METADATA, 62, "bedrock", "usage"),
        *usage_object_keys(_METADATA, 63, "google", "usageMetadata"),
        *usage_object_keys(_METADATA, 63.5, "vertex", "usageMetadata"),
        *(
            Key("paid_extras", 63, _METADATA, (name, "groundingMetadata", "webSearchQueries", 0))
            for name in ("google", "vertex")
        ),
        Key("service_tier", 6, _METADATA, ("openai", "serviceTier")),
        Key("service_tier", 7, _METADATA, ("azure", "serviceTier")),
        Key("service_tier", 8, _METADATA, ("bedrock", "serviceTier", "type")),
        Key("cache_read_tokens", 65, _METADATA, ("deepseek", "promptCacheHitTokens")),
        Key("reported_cost", 30, _METADATA, ("gateway", "cost")),
        Key("cache_read_tokens", 64, _METADATA, ("openai", "cachedPromptTokens")),
        Key("reasoning_tokens", 64, _METADATA, ("openai", "reasoningTokens")),
        Key("first_chunk_ms", 20, "ai.response.msToFirstChunk"),
        Key("endpoint_tag", 30, "ai.telemetry.functionId"),
        Key("prompt_version", 30, "ai.telemetry.metadata.langfusePrompt", ("version",)),
        *metadata("ai.telemetry.metadata.", 11),
        *metadata("ai.settings.context.", 12),
    ),
)
