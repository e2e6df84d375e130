"""Agent frameworks with OpenTelemetry keys: Strands, Agent Framework, Semantic Kernel, Google ADK, Azure.

Their agent, cycle and step spans repeat sums under the same keys; the operation name tells them apart.

Google ADK's own count of the output leaves Gemini's thoughts out, and its cached tokens have no attribute
before 2.3: both stand in the answer (`gcp.vertex.agent.llm_response`), unless content is switched off. From
1.26 on `call_llm` has a span `generate_content` below it for the same request, which shares its event and
knows less.
ADK for Java names the operation (`call_llm`) and spells the answer as the API does; it leaves thoughts and
cached tokens out of its attributes too, and writes `{}` for the answer when content is switched off.
Source: https://github.com/google/adk-python, `src/google/adk/telemetry/tracing.py`, `trace_call_llm`;
https://github.com/google/adk-java, `core/src/main/java/com/google/adk`, `telemetry/Tracing.java`,
`traceCallLlm`, and `models/LlmResponse.java`.
"""

from __future__ import annotations

from processor.calls.call import Flag
from receiver.dialects.spellings import usage_object_keys
from receiver.dialects.table import Dialect, Key, Values, Verdict

_ADK = "gcp.vertex.agent"
_WITHOUT_THOUGHTS = Verdict(True, flags=int(Flag.USAGE_LOSSY))


def judge(values: Values, failed: bool) -> Verdict | None:
    """Google ADK before 2.3 (it names a system and no provider): its inner span may lack Gemini's thoughts,
    and so may Java's `call_llm` without its answer, which would give the total."""
    if "output_tokens" not in values or "reasoning_tokens" in values:
        return None
    operation = values.get("otel_operation")
    without_answer = operation == "call_llm" and "total_tokens" not in values
    if operation == "generate_content" or (without_answer and "gemini" in str(values.get("model", ""))):
        return _WITHOUT_THOUGHTS
    return None


DIALECT = Dialect(
    name="agent_frameworks",
    mark="adk_system",
    judge=judge,
    scopes=(
        "strands.",
        "agent_framework",
        "semantic_kernel",
        _ADK,
        "azure.core.tracing",
        "azure.ai.",
        "haystack",
    ),
    keys=(
        # Semantic Kernel 1.x (microsoft/semantic-kernel, dotnet InternalUtilities, `ModelDiagnostics.cs`)
        Key("input_tokens", 45, "gen_ai.response.prompt_tokens"),
        Key("output_tokens", 45, "gen_ai.response.completion_tokens"),
        Key("conversation_id", 70, "gcp.vertex.agent.session_id"),
        Key("adk_system", 10, "gen_ai.system", only=_ADK),
        Key("response_id", 65, "gcp.vertex.agent.event_id", only=_ADK),
        Key(
            "paid_extras",
            10,
            "gcp.vertex.agent.llm_response",
            ("grounding_metadata", "web_search_queries", 0),
            only=_ADK,
        ),
        *usage_object_keys("gcp.vertex.agent.llm_response", 5, "usage_metadata", only=_ADK),
        # Java's answers are spelled as the API spells them (google/adk-java, `LlmResponse.java`).
        *usage_object_keys("gcp.vertex.agent.llm_response", 6, "usageMetadata", only=_ADK),
    ),
)
