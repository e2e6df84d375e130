"""Gemini CLI and Qwen Code, which was made of it: log events by default, spans with counts when asked.

The event counts as Gemini's API does: thoughts beside the output, tool use beside the prompt, in one total.
The span has the prompt and the candidates only, and without `GEMINI_TELEMETRY_TRACES_ENABLED` no counts at
all. Each response is reported again by the conventions' event, with fewer counts: that one is left out.

Source:
    google-gemini/gemini-cli, packages/core/src/telemetry/types.ts (`ApiResponseEvent`, `ApiErrorEvent`),
    trace.ts, core/loggingContentGenerator.ts (2026-08-21); QwenLM/qwen-code, the same files.
"""

from __future__ import annotations

from collections.abc import Iterable

from receiver.dialects.table import COUNTS, FALLBACK, Dialect, Key, LogEvent, Values, Verdict

SPANS = ("gemini-cli", "qwen-code")
_EVENTS = ("gemini_cli.", "qwen-code.")
_TWICE = Verdict(False, "Gemini CLI reports this response by its own event as well, with all its counts")


def judge(values: Values, failed: bool) -> Verdict | None:
    kind = values["gemini_cli_kind"]
    if kind.startswith(_EVENTS):
        return COUNTS
    if kind.startswith("gen_ai."):
        return _TWICE
    if kind != "llm_call":
        return Verdict(False, f"Gemini CLI {kind!s} span: not a model call")
    used = "input_tokens" in values or "output_tokens" in values or failed
    return (
        COUNTS if used else Verdict(False, "Gemini CLI span without counts: its log event reports the call")
    )


def _events(field: str, order: float, attribute: str, rank: int = 10) -> Iterable[Key]:
    return (Key(field, order, attribute, (), rank, only=start) for start in _EVENTS)


def _both(field: str, order: float, attribute: str, rank: int = 10) -> Iterable[Key]:
    return (Key(field, order, attribute, (), rank, only=start) for start in (*SPANS, *_EVENTS))


DIALECT = Dialect(
    name="gemini_cli",
    mark="gemini_cli_kind",
    judge=judge,
    scopes=(*SPANS, *_EVENTS),
    events=(
        LogEvent("gemini_cli.api_response"),
        LogEvent("gemini_cli.api_error", lambda values: True),
        LogEvent("qwen-code.api_response"),
        LogEvent("qwen-code.api_error", lambda values: True),
    ),
    keys=(
        *_both("gemini_cli_kind", 5, "event.name"),
        *_both("gemini_cli_kind", 10, "gen_ai.operation.name"),
        *_events("model", 60, "model"),
        *_events("request_model", 20, "model"),
        *_events("response_id", 10, "response_id"),
        Key("provider", 40, "auth_type", only=_EVENTS[0]),
        *_events("input_tokens", 30, "input_token_count"),
        *_events("output_tokens", 30, "output_token_count"),
        *_events("cache_read_tokens", 30, "cached_content_token_count"),
        *_events("reasoning_tokens", 30, "thoughts_token_count"),
        *_events("tool_prompt_tokens", 30, "tool_token_count"),
        *_events("total_tokens", 30, "total_token_count"),
        *_events("duration_us", 10, "duration_ms"),
        *_events("http_status", 30, "status_code"),
        *_events("status_message", 90, "error"),
        *_both("user_id", -1.5, "user.email"),
        *_both("user_id", 90, "installation.id"),
        *_both("endpoint_tag", 20, "vcs.repository.name"),
        *_both("endpoint_tag", 21, "repository"),
        *_both("endpoint_tag", 22, "project"),
        *_both("endpoint_label", 20, "role", FALLBACK),
    ),
)
