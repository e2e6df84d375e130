"""OpenCode, by the plugins that export it: log events in Claude Code's words, and OpenInference's spans.

OpenCode takes the cache out of the input, and since May 2026 the reasoning out of the output, whatever the
provider: both stand beside them. Which version it was nothing tells (`conventions.MIXES_REASONING`). The
event of a message is written within its span.

Source:
    DEVtheOPS/opencode-plugin-otel, src/handlers/message.ts (20c3b17; bare names under the scope
    `com.opencode`, which src/index.ts gives); gcornut/opencode-otel, docs/claude-code-vs-opencode-otel.md.
"""

from __future__ import annotations

from receiver.dialects.table import COUNTS, FALLBACK, Dialect, Key, LogEvent, Values, Verdict

_SCOPE, _EVENTS = "com.opencode", "opencode."
_REQUEST, _ERROR = _EVENTS + "api_request", _EVENTS + "api_error"


def _judge(values: Values, failed: bool) -> Verdict | None:
    return COUNTS


def _key(field: str, order: float, attribute: str, rank: int = 10, *, outside: bool = False) -> Key:
    return Key(field, order, attribute, (), rank, outside, only=_EVENTS)


DIALECT = Dialect(
    name="opencode",
    mark="opencode_event",
    judge=_judge,
    scopes=(_EVENTS,),
    events=(
        LogEvent(_REQUEST, bare="api_request", scope=_SCOPE, begins=True),
        LogEvent(_ERROR, lambda values: True, bare="api_error", scope=_SCOPE, begins=True),
    ),
    keys=(
        _key("opencode_event", 10, "event.name"),
        _key("model", 60, "model"),
        _key("request_model", 20, "model"),
        _key("provider", 60, "provider"),
        _key("input_tokens", 30, "input_tokens"),
        _key("output_tokens", 30, "output_tokens"),
        _key("cache_read_tokens", 30, "cache_read_tokens", outside=True),
        _key("cache_write_tokens", 30, "cache_creation_tokens", outside=True),
        _key("reasoning_tokens", 30, "reasoning_tokens", outside=True),
        _key("reported_cost", 10, "cost_usd"),
        _key("duration_us", 10, "duration_ms"),
        _key("http_status", 30, "status_code"),
        _key("status_message", 90, "error"),
        _key("endpoint_tag", 20, "vcs.repository.name"),
        _key("endpoint_tag", 21, "repository"),
        _key("endpoint_tag", 22, "project"),
        _key("endpoint_label", 20, "agent", FALLBACK),
        _key("endpoint_label", 21, "agent.name", FALLBACK),
    ),
)
