"""LiveKit Agents 1.x: OpenTelemetry keys with audio, text and cached tokens told apart; `lk.*` beside them.

The provider is a display name or the host of the client (`api.openai.com`): see `processor.calls.vocabulary`.

Source: https://github.com/livekit/agents, `livekit/agents/telemetry/{trace_types,utils}.py`, `llm/llm.py`
(1.7.0).
Not sent: the model that answered, the id of the response, cache writes; before 1.6 what of the
cached tokens is audio. Speech to text and text to speech have no token counts.
"""

from __future__ import annotations

from receiver.dialects.table import Dialect, Key

DIALECT = Dialect(
    name="livekit",
    scopes=("livekit-agents", "livekit"),
    keys=(
        Key("first_chunk_seconds", 40, "lk.response.ttft"),
        Key("conversation_id", 76, "lk.job_id"),
    ),
)
