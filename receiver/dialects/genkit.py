"""Genkit (JavaScript, Go, Python): `genkit:*`; a model is an action of subtype `model`, named `plugin/model`.

Source: https://github.com/firebase/genkit, `js/core/src/tracing/instrumentation.ts`,
`js/core/src/action.ts`, `go/core/tracing/tracing.go`, `py/packages/genkit` (2026-04); the usage is in the
output, `js/ai/src/model-types.ts`. Gemini's thoughts stand outside of the output, as in Google's own
object.
`tests/fixtures/emitters/genkit-0.12.0-python.pb` is as exported.
The Anthropic plugin writes its cache under `usage.custom` (`js/plugins/anthropic/src/runner/stable.ts`).
Not sent: audio and image tokens, the model that answered, the id of the response.
"""

from __future__ import annotations

from receiver.dialects.spellings import usage_object_keys
from receiver.dialects.table import Dialect, Key, judge_kinds

_CALLS = {"model": "chat", "background-model": "chat", "embedder": "embeddings"}

DIALECT = Dialect(
    name="genkit",
    mark="genkit_type",
    judge=judge_kinds("genkit_type", _CALLS, "Genkit {} span"),
    calls=_CALLS,
    scopes=("genkit-tracer",),
    keys=(
        Key("genkit_type", 10, "genkit:metadata:subtype"),
        Key("genkit_type", 11, "genkit:type"),
        Key("model", 44, "genkit:input", ("model",)),  # of the helper `generate`, which waits for its models
        Key("model", 45, "genkit:name"),
        Key("request_model", 82, "genkit:input", ("model",)),
        Key("request_model", 83, "genkit:name"),
        *usage_object_keys("genkit:output", 77, "usage"),
        *usage_object_keys("genkit:output", 78, "usage", "custom"),  # the Anthropic plugin's cache
        *usage_object_keys("genkit:output", 79, "custom", "usage"),  # the provider's own answer
        Key("conversation_id", 75, "genkit:sessionId"),
        Key("endpoint_label", 74, "genkit:metadata:flow:name"),
    ),
)
