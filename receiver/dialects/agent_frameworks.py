"""Agent frameworks with OpenTelemetry keys: Strands, Agent Framework, Semantic Kernel, Google ADK, Azure.

Their agent, cycle and step spans repeat sums under the same keys; the operation name tells them apart.

Google ADK's own count of the output leaves Gemini's thoughts out, and its cached tokens have no attribute
before 2.3: both stand in the answer (`gcp.vertex.agent.llm_response`), unless content is switched off.
Source: https://github.com/google/adk-python, `src/google/adk/telemetry/tracing.py`, `trace_call_llm`.
"""

from __future__ import annotations

from receiver.dialects.spellings import usage_object_keys
from receiver.dialects.table import Dialect, Key

DIALECT = Dialect(
    name="agent_frameworks",
    scopes=(
        "strands.",
        "agent_framework",
        "semantic_kernel",
        "gcp.vertex.agent",
        "azure.core.tracing",
        "azure.ai.",
        "haystack",
    ),
    keys=(
        Key("conversation_id", 70, "gcp.vertex.agent.session_id"),
        *usage_object_keys("gcp.vertex.agent.llm_response", 5, "usage_metadata", only="gcp.vertex.agent"),
    ),
)
