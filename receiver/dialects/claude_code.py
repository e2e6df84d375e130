"""Claude Code, and the Claude Agent SDK that runs it: its spans (beta) and its log events (the default).

Both count as the usage block of Anthropic's API does: cached tokens stand beside the input.

Source:
    https://code.claude.com/docs/en/monitoring-usage (read at Claude Code 2.1.216; events since 0.2, spans
    since 2.1.114, `request_id` on both). anthropics/claude-code#50776 for the names of the counts.
"""

from __future__ import annotations

from receiver.dialects.table import COUNTS, FALLBACK, Dialect, Key, LogEvent, Values, Verdict

_SPANS = "com.anthropic.claude_code"
_EVENTS = "claude_code."
_REQUEST, _ERROR = _EVENTS + "api_request", _EVENTS + "api_error"


def judge(values: Values, failed: bool) -> Verdict | None:
    kind = values["claude_code_kind"]
    if kind in ("llm_request", _REQUEST, _ERROR):
        return COUNTS
    return Verdict(False, f"Claude Code {kind!s} span: not a model call")


def _both(field: str, order: float, attribute: str, rank: int = 10) -> tuple[Key, Key]:
    """The same key on spans and on events."""
    return (
        Key(field, order, attribute, (), rank, only=_SPANS),
        Key(field, order, attribute, (), rank, only=_EVENTS),
    )


DIALECT = Dialect(
    name="claude_code",
    mark="claude_code_kind",
    judge=judge,
    scopes=(_SPANS, _EVENTS),
    events=(
        LogEvent(_REQUEST, bare="api_request", scope=_SPANS),
        LogEvent(_ERROR, lambda values: True, bare="api_error", scope=_SPANS),
    ),
    keys=(
        Key("claude_code_kind", 10, "span.type", only=_SPANS),
        Key("claude_code_kind", 10, "event.name", only=_EVENTS),
        *_both("model", 60, "model"),
        *_both("request_model", 20, "model"),
        *_both("input_tokens", 30, "input_tokens"),
        *_both("output_tokens", 30, "output_tokens"),
        *_both("cache_read_tokens", 30, "cache_read_tokens"),
        *_both("cache_write_tokens", 30, "cache_creation_tokens"),
        # The same on the span and on the event; `gen_ai.response.id` is on the span alone.
        *_both("response_id", 5, "request_id"),
        *_both("response_id", 6, "client_request_id"),
        *_both("speed", 10, "speed"),
        *_both("reported_cost", 10, "cost_usd"),
        *_both("duration_us", 10, "duration_ms"),
        *_both("first_chunk_ms", 10, "ttft_ms"),
        *_both("http_status", 30, "status_code"),
        *_both("status_message", 90, "error"),
        *_both("event_sequence", 10, "event.sequence"),
        # `user.id` is a random number of the installation: the person comes before it.
        *_both("user_id", -1.5, "user.email"),
        *_both("user_id", 10, "user.account_uuid"),
        *_both("user_id", 11, "user.account_id"),
        *_both("tenant_id", 10, "organization.id"),
        *_both("endpoint_tag", 20, "vcs.repository.name"),
        *_both("endpoint_tag", 21, "repository"),
        *_both("endpoint_tag", 22, "project"),
        *_both("endpoint_label", 20, "query_source", FALLBACK),
        *_both("endpoint_label", 30, "terminal.type", FALLBACK),
        *_both("prompt_version", 50, "app.version", FALLBACK),
    ),
)
