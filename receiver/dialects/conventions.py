"""How each emitter counts tokens: the cache table as data, with the source of every row.

Providers whose answer counts cached tokens in the input and reasoning in the output (OpenAI, and all who
copy its API) are read as they stand, whoever emits them. For the others an emitter passes the counts on or
adds them up; one that is not listed may do either, and `receiver.dialects.balance` looks for a proof.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from processor.calls.call import UNKNOWN
from receiver.dialects.balance import INSIDE, OPEN, OUTSIDE
from receiver.dialects.table import Convention, Origin

ANTHROPIC, GEMINI, XAI, OPENAI, UNNAMED = "anthropic", "gemini", "xai", "openai", "unnamed"
"""Shapes of a provider's usage: the cache is beside the input; reasoning is beside the output; it may be; all
is inside; the provider is not named."""


class Row(NamedTuple):
    """How one emitter counts a part that its provider counts beside the total.

    Attributes:
        scope: beginning of the scope's name; `ai` and `gen_ai` are whole names.
        how: whether the emitter's total includes the part.
        source: where that was seen: a capture here, or the emitter's code at a commit or version.
    """

    scope: str
    how: str
    source: str


_OTEL = "opentelemetry.instrumentation."
_OI = "openinference.instrumentation."
_CAPTURED = "tests/fixtures/captures/"
_OPENLLMETRY = "github.com/traceloop/openllmetry@93429cf opentelemetry-instrumentation-"
_OPENLLMETRY_JS = "github.com/traceloop/openllmetry-js@1faf69d packages/instrumentation-"
_OPENLIT = "github.com/openlit/openlit@ad20b7b sdk/"
_OPENINFERENCE = "github.com/Arize-ai/openinference@1fe497f openinference-instrumentation-"
_SPRING = "github.com/spring-projects/spring-ai@fd3fd6e "
_LANGCHAIN = "langchain-anthropic 1.7.10 _create_usage_metadata, langchain-aws 1.9.1 _extract_usage_metadata"
_OPENAI_SDK = "the OpenAI SDK's usage, whatever stands behind it: cached_tokens are part of prompt_tokens"
_GEMINI_CLI = "github.com/google-gemini/gemini-cli packages/core/src/telemetry/types.ts"
_LANGCHAIN_GOOGLE = "langchain-google-genai 4.4.3 chat_models.py"

CACHE: tuple[Row, ...] = (
    Row("com.anthropic.sdk", INSIDE, _CAPTURED + "otel-genai-anthropic (SDK 1.17.0), pydantic-ai (2.12.0)"),
    Row("com.anthropic.claude_code", OUTSIDE, "tests/fixtures/cases/01-claude-code-llm-request (1.0.0)"),
    Row("claude_code.", OUTSIDE, "its log events; code.claude.com/docs/en/monitoring-usage"),
    Row(_OTEL + "genai.anthropic", INSIDE, _CAPTURED + "otel-genai-anthropic (1.3b0)"),
    Row(_OTEL + "genai.bedrock", OUTSIDE, _CAPTURED + "otel-genai-bedrock (1.3b0)"),
    Row(_OTEL + "genai.langchain", INSIDE, _LANGCHAIN),
    Row(_OTEL + "genai.openai", INSIDE, _OPENAI_SDK),
    Row(_OTEL + "openai", INSIDE, _OPENAI_SDK),
    Row("@opentelemetry/instrumentation-openai", INSIDE, _OPENAI_SDK),
    Row(_OI + "openai", INSIDE, _OPENAI_SDK),
    Row("@arizeai/openinference-instrumentation-openai", INSIDE, _OPENAI_SDK),
    Row("openlit.instrumentation.openai", INSIDE, _OPENAI_SDK),
    Row("@traceloop/instrumentation-openai", INSIDE, _OPENAI_SDK),
    Row(_OTEL + "botocore", OUTSIDE, "botocore instrumentation 0.66b2, Converse's usage"),
    Row(_OTEL + "anthropic", INSIDE, _OPENLLMETRY + "anthropic __init__.py; 0.40 and 0.62 captured"),
    Row(_OTEL + "bedrock", OUTSIDE, _OPENLLMETRY + "bedrock span_utils.py"),
    Row(_OTEL + "langchain", INSIDE, _OPENLLMETRY + "langchain span_utils.py; " + _LANGCHAIN),
    Row(_OTEL + "llamaindex", OUTSIDE, _OPENLLMETRY + "llamaindex _response_utils.py"),
    Row("@traceloop/instrumentation-anthropic", INSIDE, _OPENLLMETRY_JS + "anthropic/src/instrumentation.ts"),
    Row(_OI + "anthropic", INSIDE, _OPENINFERENCE + "anthropic _utils.py; 0.1.18 and 3.1 captured"),
    Row(_OI + "bedrock", INSIDE, "0.1.61 as exported; what is newer is shown by its total"),
    Row(_OI + "langchain", INSIDE, _LANGCHAIN),
    Row("@arizeai/openinference-instrumentation-langchain", INSIDE, _LANGCHAIN),
    Row(_OI + "llama_index", INSIDE, _OPENINFERENCE + "llama-index _callback.py, which adds it up"),
    Row(_OI + "litellm", INSIDE, _CAPTURED + "openinference-litellm (0.1.51)"),
    Row(_OI + "agno", OUTSIDE, "github.com/agno-agi/agno@9644f22 agno/models/anthropic/claude.py"),
    Row(_OI + "claude_agent_sdk", OUTSIDE, _OPENINFERENCE + "claude-agent-sdk _wrappers.py"),
    Row(
        "@arizeai/openinference-instrumentation-claude-agent-sdk",
        OUTSIDE,
        "github.com/Arize-ai/openinference@1fe497f js, src/messageProcessor.ts: the SDK's own count",
    ),
    Row("openlit.instrumentation.anthropic", OUTSIDE, _OPENLIT + "python anthropic/utils.py; 1.45 captured"),
    Row("openlit.instrumentation.bedrock", OUTSIDE, _OPENLIT + "python bedrock/utils.py"),
    Row("@openlit/instrumentation-anthropic", OUTSIDE, _OPENLIT + "typescript anthropic/wrapper.ts"),
    Row("@openlit/instrumentation-bedrock", OUTSIDE, _OPENLIT + "typescript bedrock/wrapper.ts"),
    Row("braintrust", INSIDE, "github.com/braintrustdata/braintrust-sdk-ruby@25f80b6 trace/tokens.rb"),
    Row("github.com/braintrustdata", INSIDE, "its Go SDK, trace/contrib/anthropic: `promptTotal`"),
    Row("genkit", OUTSIDE, "github.com/firebase/genkit js/plugins/anthropic/src/runner/stable.ts"),
    Row("langsmith", INSIDE, _LANGCHAIN),
    Row("litellm", INSIDE, _CAPTURED + "litellm-otel (1.106); for 1.64 to 1.76 see `write_counted`"),
    Row("livekit-agents", INSIDE, "github.com/livekit/agents livekit-plugins-anthropic, -aws: llm.py"),
    Row("logfire", INSIDE, _CAPTURED + "logfire-openai (5.2); 4 has only the provider's own object"),
    Row("pydantic-ai", INSIDE, _CAPTURED + "pydantic-ai (2.68), 0.4.11; pydantic/pydantic-ai#4364 (1.x)"),
    Row("@mastra", INSIDE, "github.com/mastra-ai/mastra observability/otel-exporter/src/gen-ai-semantics.ts"),
    Row("openrouter", INSIDE, "openrouter.ai/docs/use-cases/usage-accounting; tests/fixtures/cases/19"),
    Row("@sentry", INSIDE, "getsentry/sentry-conventions@b350b1e gen_ai__usage__input_tokens.json"),
    Row("strands", INSIDE, _CAPTURED + "strands-agents (1.62); 1.10 is shown by its total"),
    Row("gen_ai", INSIDE, _CAPTURED + "vercel-ai-v7"),
    Row("ai", OUTSIDE, _CAPTURED + "vercel-ai-v5; 6 and 7 give `noCacheTokens`, or the provider's own count"),
    Row("agent_framework", OUTSIDE, "github.com/microsoft/agent-framework@5eb3eb7 anthropic _chat_client.py"),
    Row("org.springframework", OUTSIDE, _SPRING + "AnthropicChatModel.java, BedrockProxyChatModel.java"),
)
"""Whether the input includes cached tokens where the provider counts them beside it (Anthropic, Bedrock)."""

REASONING: tuple[Row, ...] = (
    Row(_OTEL + "google_genai", INSIDE, _CAPTURED + "otel-google-genai (1.3b0)"),
    Row(_OTEL + "google_generativeai", OUTSIDE, _OPENLLMETRY + "google-generativeai span_utils.py"),
    Row(_OTEL + "langchain", INSIDE, _LANGCHAIN_GOOGLE),
    Row(_OI + "google_genai", INSIDE, "openinference-instrumentation-google-genai 1.4.14 as exported"),
    Row(_OI + "langchain", INSIDE, _LANGCHAIN_GOOGLE),
    Row("@mastra", INSIDE, "github.com/mastra-ai/mastra observability/otel-exporter/src/gen-ai-semantics.ts"),
    Row("gcp.vertex.agent", INSIDE, "google-adk 2.13.0 as exported"),
    Row("gemini-cli", OUTSIDE, _GEMINI_CLI),
    Row("gemini_cli.", OUTSIDE, _GEMINI_CLI),
    Row("qwen-code.", OUTSIDE, _GEMINI_CLI + ", of which it is a fork"),
    Row("langsmith", INSIDE, _LANGCHAIN_GOOGLE),
    Row("litellm", INSIDE, _CAPTURED + "litellm-otel (1.106); 1.74.9 vertex_and_google_ai_studio_gemini.py"),
    Row("pydantic-ai", INSIDE, _CAPTURED + "pydantic-ai (2.68)"),
    Row("gen_ai", INSIDE, "github.com/vercel/ai@ed857f5 packages/google/src/convert-google-usage.ts"),
    Row("org.springframework", OUTSIDE, _SPRING + "GoogleGenAiUsage.java"),
    Row("@sentry", INSIDE, "getsentry/sentry-conventions@b350b1e gen_ai__usage__output_tokens.json"),
)
"""Whether the output includes reasoning where the provider counts it beside the output (Gemini)."""

LOSES_REASONING = ("gemini-cli", "qwen-code")
"""Emitters whose spans count the candidates of an answer only; their log events have the thoughts as well."""

MIXES_REASONING = ("com.opencode", "opencode.")
"""Emitters whose output left reasoning out only from some version on, which nothing tells, the total neither.

Source: https://github.com/anomalyco/opencode/issues/17566 (`getUsage` of March 2026 has it in both; fixed by
May); https://github.com/HarnessRouter/harnessrouter/pull/216 (1.18.31 measured: the output without it).
"""

LOSES_CACHE: tuple[tuple[str, str], ...] = (
    ("opentelemetry.instrumentation.botocore", ""),  # `invoke_model`; `converse` spans carry the counts
    ("opentelemetry.instrumentation.bedrock", ""),  # the same
    ("@opentelemetry/instrumentation-aws-sdk", ""),  # src/services/bedrock-runtime.ts: input and output alone
    ("io.opentelemetry.aws-sdk", ""),  # BedrockRuntimeAttributesGetter.java: the same
    ("bifrost-otel-plugin", ""),  # maximhq/bifrost plugins/otel/converter.go: chat has input and output alone
    ("openlit.otel.tracing", ""),  # 1.34, always
    ("openinference.instrumentation.anthropic", "0.1."),  # when streaming
    ("openinference.instrumentation.claude_agent_sdk", ""),  # before it had attributes for the cache
    ("@arizeai/openinference-instrumentation-claude-agent-sdk", ""),  # src/messageProcessor.ts
    ("opentelemetry-instrumentation-ruby_llm", ""),  # patches/chat.rb: input and output alone
    ("langwatch", ""),  # python-sdk, `SpanMetrics`: input and output alone
    ("braintrust-dotnet", ""),  # src/Braintrust.Sdk.Anthropic/InstrumentedMessageService.cs: the same
)
"""Scope and version: an Anthropic-shaped span of these without cached counts may have lost them for good."""

_ESTIMATES: tuple[tuple[str, str], ...] = (
    # OpenLLMetry 0.40 to 0.62 counts a stream itself where the SDK gives no usage, and adds the first count
    # of the output to the last (packages/opentelemetry-instrumentation-anthropic, streaming.py); a stream of
    # `messages.stream()` it takes for an answer, counts the prompt itself and names no answering model
    ("opentelemetry.instrumentation.anthropic", "streams, unanswered"),
    ("openlit.otel.tracing", "streams"),  # 1.34, even when the provider sent usage
    ("openlit", "streams without cached counts"),  # 1.45 writes those only from real usage
    ("@traceloop/instrumentation-openai", "any"),  # a stream's span looks like any other
    # src/services/bedrock-runtime.ts, requestPreSpanHookInvokeModel: characters / 6; its spans of InvokeModel
    # name no operation, those of Converse do and have the provider's counts
    ("@opentelemetry/instrumentation-aws-sdk", "invoke_model of Mistral and Cohere"),
)
"""Emitters that write their own tokenizer's count into the ordinary keys, and which spans may hold it."""

_WHOLE_NAMES = frozenset({"ai", "gen_ai", "litellm", "langsmith"})
"""Scope names that begin too many others."""

_LIKE_OPENAI = frozenset(
    {"openai", "azure.ai.openai", "openrouter", "github", "databricks", "perplexity", "groq"}
)
"""Providers that answer in OpenAI's form whatever model they sell."""


@lru_cache(maxsize=4096)
def usage_shape(provider: str, model: str) -> str:
    """How the provider's own answer counts cached tokens and reasoning."""
    if provider == UNKNOWN == model:
        return UNNAMED
    if provider in _LIKE_OPENAI:
        return OPENAI
    if provider in ("anthropic", "aws.bedrock") or "claude" in model:
        return ANTHROPIC
    if provider.startswith("gcp.") or "gemini" in model:
        return GEMINI
    return XAI if provider == "x_ai" or (provider == UNKNOWN and model.startswith("grok")) else OPENAI


def may_cache(provider: str, model: str) -> bool:
    """Whether an answer of Anthropic's form can have cached tokens: on Bedrock Claude and Nova have a cache.

    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html; an inference profile
    does not name its model.
    """
    if usage_shape(provider, model) != ANTHROPIC:
        return False
    named = provider == "aws.bedrock" and not model.startswith("arn:") and model != UNKNOWN
    return not named or any(family in model for family in ("claude", "nova"))


def whole_shapes(counted: Convention) -> frozenset[str]:
    """The shapes of usage of which an emitter sends totals with all their parts."""
    anthropic = (ANTHROPIC, UNNAMED) if counted.cache == INSIDE else ()
    gemini = (GEMINI,) if counted.reasoning == INSIDE else ()
    return frozenset((OPENAI, *anthropic, *gemini))


def convention(origin: Origin) -> Convention:
    """How spans of this emitter count, and whether they may hold estimates."""
    return Convention(
        cache=_how(CACHE, origin.scope),
        reasoning=_how(REASONING, origin.scope),
        loses_cache=any(
            origin.scope.startswith(scope) and origin.version.startswith(version)
            for scope, version in LOSES_CACHE
        ),
        loses_reasoning=origin.scope.startswith(LOSES_REASONING),
        mixes_reasoning=origin.scope.startswith(MIXES_REASONING),
        handles=origin.scope.startswith("codex"),
        estimates=next((e for scope, e in _ESTIMATES if origin.scope.startswith(scope)), ""),
    )


def _how(rows: tuple[Row, ...], scope: str) -> str:
    return next((row.how for row in rows if _is_of(scope, row.scope)), OPEN)


def _is_of(scope: str, beginning: str) -> bool:
    return scope == beginning if beginning in _WHOLE_NAMES else scope.startswith(beginning)
