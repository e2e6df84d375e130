"""Emitters that report a call twice, by a span and by a log record, without a common id.

What both say of the call is then its name, within a window of time: the same text from a span and from a
record is one call (`processor.calls.same_call.same_by_telling`). The texts are made of a call's own fields
alone, so that a stored call answers like the one that came in.

Source:
    docs/coding-agents.md, "Supported events"; the emitters' own sources are named in `receiver/dialects`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from processor.calls.call import ModelCall


def telling(call: ModelCall) -> str:
    """What a span and a record of this call both say of it; empty where it has an id or nothing to go by."""
    if call.response_id:
        return ""
    tell = TELLINGS.get(call.dialect)
    said = tell(call) if tell is not None else ""
    return f"{call.dialect} {said}" if said else ""


def _claude_code(call: ModelCall) -> str:
    """Cloud providers send no request id: session, model and counts are all there is."""
    if not call.conversation_id:
        return ""
    counts = f"{call.input_tokens} {call.output_tokens} {call.cache_read_tokens} {call.cache_write_tokens}"
    return f"{call.conversation_id} {call.request_model} {call.status} {counts}"


def _codex(call: ModelCall) -> str:
    """The span knows no session: four counts and the moment must do. No span reports an error."""
    if call.input_tokens is None:
        return ""
    return f"{call.input_tokens} {call.output_tokens} {call.cache_read_tokens} {call.reasoning_tokens}"


def _gemini_cli(call: ModelCall) -> str:
    """The span has an alias for the model, and neither thoughts nor what tools add to the prompt."""
    if not call.conversation_id:
        return ""
    answer = None if call.output_tokens is None else call.output_tokens - (call.reasoning_tokens or 0)
    return f"{call.conversation_id} {call.status} {answer}"


TELLINGS: Final[Mapping[str, Callable[[ModelCall], str]]] = MappingProxyType(
    {"claude_code": _claude_code, "codex": _codex, "gemini_cli": _gemini_cli}
)
"""Dialect → what its calls are known by."""
