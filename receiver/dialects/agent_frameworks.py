"""Agent frameworks with OpenTelemetry keys: Strands, Agent Framework, Semantic Kernel, Google ADK, Azure.

Their agent, cycle and step spans repeat sums under the same keys; the operation name tells them apart.
"""

from __future__ import annotations

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
    keys=(Key("conversation_id", 70, "gcp.vertex.agent.session_id"),),
)
