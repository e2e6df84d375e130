"""Message texts of calls without usage, for the estimate if an operator switched it on; else unused.

Text is only ever held in memory. A request of which no call lacks its usage is not looked at again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from processor.calls.call import ERROR, MISSING, Batch, ModelCall
from receiver.otlp.attributes import plain
from receiver.otlp.decode import DEFAULT, DecodeOptions, decode
from receiver.otlp.framing import Frame
from receiver.otlp.wire import Span, parse_event, parse_span

SpanIds = tuple[bytes, bytes]
"""(trace id, span id)"""


class Texts(NamedTuple):
    """The texts sent to the model and answered by it; None if the span has neither."""

    prompt: str | None
    completion: str | None

    @property
    def size_bytes(self) -> int:
        """An upper bound of what both hold in memory."""
        return 4 * (len(self.prompt or "") + len(self.completion or "")) + 200


@dataclass(slots=True)
class TextBatch(Batch):
    """A batch with the texts of those of its calls that lack usage: trace id and span id → texts."""

    texts: Mapping[SpanIds, Texts] = field(default_factory=dict)


class _Place(NamedTuple):
    """Attributes that hold one side of the messages in one vocabulary."""

    pattern: re.Pattern[str]
    read: Callable[[str], Iterable[str]]


def _exact(read: Callable[[str], Iterable[str]], *keys: str) -> _Place:
    return _Place(re.compile("|".join(map(re.escape, keys))), read)


_INSIDE: Final = frozenset({
    "parts", "messages", "message", "choices", "content", "contents", "text", "arguments", "input", "prompt",
    "output", "response", "result", "tool_calls", "toolCalls", "function", "args", "reasoning", "kwargs",
    "generations", "message_content", "combined_chunk_content", "system", "instructions", "delta",
})  # fmt: skip
"""Keys of a JSON document below which messages stand; the others hold names, roles, ids and parameters."""
_NO_TEXT: Final = frozenset(
    {"blob", "uri", "file", "image", "image_url", "audio", "input_audio", "input_image"}
)
"""Types of message parts whose content is no text."""


def _from_json(text: str) -> Iterator[str]:
    """The message texts inside a JSON document; the text itself if it is none."""
    if text[:1] not in "[{":
        yield text
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        yield text
        return
    yield from _strings(document)


def _strings(document: object) -> Iterator[str]:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict) and value.get("type") not in _NO_TEXT:
            waiting.extend(value[key] for key in reversed(value) if key in _INSIDE)


def _as_it_is(text: str) -> Iterator[str]:
    yield text


_PROMPTS: Final = (
    _exact(_from_json, "gen_ai.input.messages", "gen_ai.system_instructions"),
    _Place(
        re.compile(
            r"llm\.input_messages\.\d+\.message\.(contents\.\d+\.message_content\.text|content|.*arguments)"
        ),
        _as_it_is,
    ),
    _Place(re.compile(r"embedding\.embeddings\.\d+\.embedding\.text"), _as_it_is),
    _Place(re.compile(r"gen_ai\.prompt\.\d+\.(content|.*arguments)"), _from_json),
    _exact(_from_json, "ai.prompt.messages"),
    _exact(_from_json, "ai.value", "ai.values"),
    _exact(_from_json, "langfuse.observation.input"),
    _exact(_from_json, "mlflow.spanInputs", "genkit:input", "gen_ai.prompt_json"),
    _exact(_from_json, "gen_ai.prompt"),
    _exact(_from_json, "request_data"),
    _exact(_from_json, "input.value"),
)
_COMPLETIONS: Final = (
    _exact(_from_json, "gen_ai.output.messages"),
    _Place(
        re.compile(
            r"llm\.output_messages\.\d+\.message\.(contents\.\d+\.message_content\.text|content|.*arguments)"
        ),
        _as_it_is,
    ),
    _Place(re.compile(r"gen_ai\.completion\.\d+\.(content|.*arguments)"), _as_it_is),
    _exact(_from_json, "ai.response.text", "ai.response.toolCalls"),
    _exact(_from_json, "langfuse.observation.output"),
    _exact(_from_json, "mlflow.spanOutputs", "genkit:output", "gen_ai.completion_json"),
    _exact(_from_json, "gen_ai.completion"),
    _exact(_from_json, "response_data"),
    _exact(_from_json, "output.value"),
)
"""The first vocabulary that has a side is taken, alone: several of them repeat the same messages."""
_PROMPT_EVENTS: Final = ("gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message",
                         "gen_ai.tool.message")  # fmt: skip
_COMPLETION_EVENTS: Final = ("gen_ai.choice",)


def decode_with_texts(body: bytes, received_ns: int, options: DecodeOptions = DEFAULT) -> Batch:
    """As `decode`, and beside the calls that lack usage what they said."""
    batch = decode(body, received_ns, options)
    wanted = {(call.trace_id, call.span_id) for call in batch.calls if lacks_usage(call)}
    if not wanted:
        return batch
    texts = dict(_texts(body, wanted))
    if not texts:
        return batch
    held = batch.size_bytes + sum(one.size_bytes for one in texts.values())
    return TextBatch(
        batch.calls,
        batch.sightings,
        batch.rejections,
        batch.spans,
        held,
        batch.received_ns,
        batch.readings,
        texts=texts,
    )


def lacks_usage(call: ModelCall) -> bool:
    """Whether a provider has billed tokens that were not reported; a failed call was not billed."""
    return call.usage_source == MISSING and call.status != ERROR


def _texts(body: bytes, wanted: set[SpanIds]) -> Iterator[tuple[SpanIds, Texts]]:
    frame = Frame(body)
    frame.malformed()
    for ids in wanted:
        index = frame.find(*ids)
        if index is None:
            continue
        try:
            texts = texts_of(parse_span(frame.spans[index]))
        except DecodeError:
            continue
        if texts.prompt is not None or texts.completion is not None:
            yield ids, texts


def texts_of(span: Span) -> Texts:
    """Both sides of one span's messages, from its attributes, else from its events."""
    prompt, completion = _side(span.attributes, _PROMPTS), _side(span.attributes, _COMPLETIONS)
    if prompt is None or completion is None:
        told = [_event(raw) for raw in span.events]
        prompt = prompt or _told(told, _PROMPTS, _PROMPT_EVENTS)
        completion = completion or _told(told, _COMPLETIONS, _COMPLETION_EVENTS)
    return Texts(prompt, completion)


def _side(attributes: Mapping[str, bytes], places: Iterable[_Place]) -> str | None:
    for place in places:
        keys = sorted(key for key in attributes if place.pattern.fullmatch(key))
        values = (plain(attributes[key]) for key in keys)
        found = "\n".join(t for v in values if isinstance(v, str) for t in place.read(v) if t)
        if found:
            return found
    return None


def _event(raw: bytes) -> tuple[str, Mapping[str, bytes]]:
    try:
        event = parse_event(raw)
    except DecodeError:
        return "", {}
    return event.name.decode("utf-8", "replace"), dict(event.attributes)


def _told(
    events: Iterable[tuple[str, Mapping[str, bytes]]], places: Iterable[_Place], names: Iterable[str]
) -> str | None:
    """The text of one side in events: those that carry the attributes, else one event a message."""
    events = list(events)
    for _, attributes in events:
        if found := _side(attributes, places):
            return found
    message = _exact(_from_json, "gen_ai.event.content", "content", "message", "tool_calls")
    told = [_side(attributes, (message,)) for name, attributes in events if name in names]
    return "\n".join(text for text in told if text) or None
