"""Vercel AI SDK 5, 6 and 7: `ai.*`. Version 7 writes OpenTelemetry keys under the scope `gen_ai`."""

from __future__ import annotations

from receiver.dialects.table import COUNTS, Dialect, Key, Values, Verdict, metadata

_CALLS = (".doGenerate", ".doStream", ".doEmbed")
_ANTHROPIC = ("anthropic", "usage")


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
        Key("input_tokens", 50, "ai.usage.inputTokens"),
        Key("input_tokens", 51, "ai.usage.promptTokens"),
        Key("input_tokens", 52, "ai.usage.tokens"),
        Key("output_tokens", 50, "ai.usage.outputTokens"),
        Key("output_tokens", 51, "ai.usage.completionTokens"),
        Key("total_tokens", 50, "ai.usage.totalTokens"),
        Key("uncached_tokens", 10, "ai.usage.inputTokenDetails.noCacheTokens"),
        Key("cache_read_tokens", 50, "ai.usage.inputTokenDetails.cacheReadTokens"),
        Key("cache_read_tokens", 51, "ai.usage.cachedInputTokens"),
        Key("cache_write_tokens", 50, "ai.usage.inputTokenDetails.cacheWriteTokens"),
        Key("reasoning_tokens", 50, "ai.usage.outputTokenDetails.reasoningTokens"),
        Key("reasoning_tokens", 51, "ai.usage.reasoningTokens"),
        Key(
            "cache_read_tokens", 60, "ai.response.providerMetadata", (*_ANTHROPIC, "cache_read_input_tokens")
        ),
        Key(
            "cache_write_tokens",
            60,
            "ai.response.providerMetadata",
            (*_ANTHROPIC, "cache_creation_input_tokens"),
        ),
        Key(
            "cache_write_tokens",
            61,
            "ai.response.providerMetadata",
            ("anthropic", "cacheCreationInputTokens"),
        ),
        Key(
            "cache_write_1h_tokens",
            60,
            "ai.response.providerMetadata",
            (*_ANTHROPIC, "cache_creation", "ephemeral_1h_input_tokens"),
        ),
        Key("first_chunk_ms", 20, "ai.response.msToFirstChunk"),
        Key("endpoint_tag", 30, "ai.telemetry.functionId"),
        Key("prompt_version", 30, "ai.telemetry.metadata.langfusePrompt", ("version",)),
        *metadata("ai.telemetry.metadata.", 11),
        *metadata("ai.settings.context.", 12),
    ),
)
