"""OpenLIT: OpenTelemetry keys with its own cost, environment and first-token keys.

OpenLIT 1.34 sends failed calls as spans without a single attribute; only the span's name tells.
"""

from __future__ import annotations

import re

from receiver.dialects.table import COUNTS, Dialect, Key, Subject, Verdict

_NAMED_CALL = re.compile(r"(chat|embeddings|text_completion|generate_content) (\S+)")


def judge(subject: Subject) -> Verdict | None:
    if subject.values or not subject.failed or not subject.origin.scope.startswith("openlit"):
        return None
    match = _NAMED_CALL.fullmatch(subject.name)
    if match is None:
        return None
    subject.values["otel_operation"], subject.values["model"] = match.groups()
    return COUNTS


DIALECT = Dialect(
    name="openlit",
    judge=judge,
    scopes=("openlit",),
    keys=(
        Key("first_token", 20, "gen_ai.server.time_to_first_token"),
        Key("streaming", 20, "gen_ai.request.is_stream"),
    ),
)
