"""OpenLIT 1.34 and 1.45: OpenTelemetry keys with its own cost, environment and first-token keys.

Some of its failed calls are spans without a single attribute: nothing in them tells, they are not counted.
"""

from __future__ import annotations

from receiver.dialects.table import Dialect, Key

DIALECT = Dialect(
    name="openlit",
    scopes=("openlit",),
    keys=(
        Key("first_token", 20, "gen_ai.server.time_to_first_token"),
        Key("streaming", 20, "gen_ai.request.is_stream"),
    ),
)
