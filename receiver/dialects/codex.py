"""OpenAI Codex (CLI, exec, app server, IDE): log events with `[otel] exporter`, spans with `trace_exporter`.

The event `codex.sse_event` of kind `response.completed` reports a response, also over WebSockets, and so does
the span that handles it, which has counts but no model: that is an attribute of the turn's span above.
Neither has the provider's response id. Input includes the cache, output includes reasoning. Events of other
kinds are deltas, one for each piece of an answer.

Source:
    openai/codex, codex-rs/otel/src/events/session_telemetry.rs and events/shared/log.rs (0.158);
    core/src/tasks/mod.rs for the turn's span; openai/codex#19432.
"""

from __future__ import annotations

from receiver.dialects.table import COUNTS, FALLBACK, Dialect, Key, LogEvent, Values, Verdict

_ONLY, _EVENTS = "codex", "codex."
_RESPONSE, _REQUEST, _WEBSOCKET = "codex.sse_event", "codex.api_request", "codex.websocket_request"
_COMPLETED = "response.completed"
_ENDED = frozenset({_COMPLETED, "response.incomplete"})


def _judge(values: Values, failed: bool) -> Verdict | None:
    event = values["codex_event"]
    if event == _RESPONSE:
        ends = failed or values.get("codex_kind") in _ENDED
        return COUNTS if ends else Verdict(False, "Codex event: a piece of an answer")
    if event not in (_REQUEST, _WEBSOCKET):
        return COUNTS  # the span: its own count of tokens is its mark
    # The same event also reports requests for the list of models and for other services.
    endpoint = values.get("codex_endpoint", "unknown")
    asks_model = endpoint == "unknown" or "responses" in endpoint
    told = Verdict(False, "Codex request: its answer is reported by codex.sse_event")
    return COUNTS if failed and asks_model else told


def _judge_turn(values: Values, failed: bool) -> Verdict:
    return Verdict(False, "Codex turn: it repeats the sum of its responses")


def _failed(values: Values) -> bool:
    """A completed response whose usage could not be read was billed all the same."""
    status = values.get("http_status") or 0
    return values.get("codex_kind") != _COMPLETED and ("status_message" in values or status >= 400)


DIALECT = Dialect(
    name="codex",
    mark="codex_event",
    judge=_judge,
    more_judges=(("codex_turn", _judge_turn),),
    scopes=(_ONLY,),
    events=(
        LogEvent(_RESPONSE, _failed),
        LogEvent(_REQUEST, _failed),
        LogEvent(_WEBSOCKET, _failed),
    ),
    keys=(
        Key("codex_event", 10, "event.name", only=_EVENTS),
        Key("codex_event", 20, "codex.usage.total_tokens"),
        Key("codex_turn", 10, "codex.turn.token_usage.total_tokens"),
        Key("codex_turn", 20, "codex.turn.token_usage.input_tokens"),
        Key("reasoning_tokens", 20, "codex.usage.reasoning_output_tokens"),
        Key("codex_kind", 10, "event.kind", only=_EVENTS),
        Key("codex_endpoint", 10, "endpoint", only=_EVENTS),
        Key("model", 60, "model", only=_EVENTS),
        Key("request_model", 20, "model", only=_EVENTS),
        Key("ancestor_model", 10, "model", only=_ONLY),
        Key("input_tokens", 30, "input_token_count", only=_EVENTS),
        Key("output_tokens", 30, "output_token_count", only=_EVENTS),
        Key("cache_read_tokens", 30, "cached_token_count", only=_EVENTS),
        Key("cache_write_tokens", 30, "cache_write_token_count", only=_EVENTS),
        Key("reasoning_tokens", 30, "reasoning_token_count", only=_EVENTS),
        Key("duration_us", 10, "duration_ms", only=_EVENTS),
        Key("status_message", 90, "error.message", only=_EVENTS),
        Key("conversation_id", 10, "conversation.id", only=_ONLY),
        Key("conversation_id", 20, "thread.id", only=_ONLY),
        Key("user_id", -1.5, "user.email", only=_ONLY),
        Key("user_id", 10, "user.account_id", only=_ONLY),
        Key("endpoint_tag", 20, "vcs.repository.name", only=_ONLY),
        Key("endpoint_tag", 21, "repository", only=_ONLY),
        Key("endpoint_tag", 22, "project", only=_ONLY),
        Key("endpoint_label", 30, "terminal.type", (), FALLBACK, only=_ONLY),
        Key("prompt_version", 50, "app.version", (), FALLBACK, only=_ONLY),
    ),
)
