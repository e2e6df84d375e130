"""Message texts of calls without usage, in the words of each instrumentation; and of no other call."""

from __future__ import annotations

import json

import pytest

from receiver.otlp.decode import decode
from receiver.otlp.texts import TextBatch, Texts, decode_with_texts, lacks_usage
from tests.receiver.captures import CAPTURES, ROOT
from tests.receiver.spans import CHAT, T0, Made, request

BARE = {key: value for key, value in CHAT.items() if not key.startswith("gen_ai.usage.")}
GEOGRAPHY, CAPITAL = "You are a geography assistant.", "What is the capital of France?"
ANSWER = "The capital of France is Paris. "
FULL = Texts(f"{GEOGRAPHY}\n{CAPITAL}", ANSWER)
TOLD = {
    "litellm-otel/chat_stream_no_usage": FULL,
    "logfire-openai/chat_stream_no_usage": FULL._replace(completion=None),
    "openinference-js-openai/chat_stream": Texts(f"Geo.\n{CAPITAL}", ANSWER),
    "openinference-js-openai/chat_stream_no_usage": Texts(f"Geo.\n{CAPITAL}", ANSWER),
    "openinference-js-openai/embeddings": Texts("hello", None),
    "openinference-openai/chat_stream_no_usage": FULL,
    "openllmetry-0.40/chat_stream": FULL,
    "openllmetry-0.40/chat_stream_no_usage": FULL,
    "openllmetry-all/llamaindex_llm": Texts("capital of France?", ANSWER),
    "openllmetry-js/responses_stream": Texts("capital?", None),
    "openllmetry/chat_stream_no_usage": FULL,
    "otel-openai-v2/chat_stream_no_usage": None,  # this emitter writes no content unless told to
    "otel-genai-openai/chat_stream_no_usage": None,
}


@pytest.mark.parametrize(("name", "texts"), TOLD.items(), ids=list(TOLD))
def test_the_texts_of_a_call_without_usage_are_found(name: str, texts: Texts | None) -> None:
    batch = decode_with_texts((ROOT / f"{name}.pb").read_bytes(), T0)
    (call,) = [call for call in batch.calls if lacks_usage(call)]
    if texts is None:
        assert not isinstance(batch, TextBatch)
        return
    assert isinstance(batch, TextBatch)
    assert batch.texts == {(call.trace_id, call.span_id): texts}


def test_no_text_of_a_call_with_usage_or_of_a_failed_one_is_kept() -> None:
    seen = 0
    for capture in CAPTURES:
        batch = decode_with_texts(capture.body, T0)
        plain = decode(capture.body, T0)
        assert [call.span_id for call in batch.calls] == [call.span_id for call in plain.calls]
        lacking = {
            (c.trace_id, c.span_id)
            for c in batch.calls
            if c.usage_source == "missing" and c.status != "error"
        }
        texts = set(batch.texts) if isinstance(batch, TextBatch) else set()
        assert texts <= lacking, capture.name
        seen += len(texts)
    assert seen > 10


def texts_of(attributes: dict[str, object]) -> Texts | None:
    body = request(Made({**BARE, **attributes})).SerializeToString()
    batch = decode_with_texts(body, T0)
    return next(iter(batch.texts.values())) if isinstance(batch, TextBatch) else None


def test_pictures_ids_and_names_are_no_text() -> None:
    content = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "blob", "content": "AAAA"},
    ]
    calls = [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}]
    told = json.dumps([{"role": "user", "content": content}, {"role": "assistant", "tool_calls": calls}])
    assert texts_of({"gen_ai.input.messages": told}) == Texts('what is this?\n{"at": 1}', None)


def test_the_same_messages_in_two_vocabularies_are_taken_once() -> None:
    told = json.dumps([{"role": "user", "content": "hello"}])
    assert texts_of({"gen_ai.input.messages": told, "input.value": "hello"}) == Texts("hello", None)


@pytest.mark.parametrize("text", ["[1, 2", "{", "plain", "[[[[" * 5_000])
def test_what_is_no_json_is_text(text: str) -> None:
    assert texts_of({"gen_ai.input.messages": text}) == Texts(text, None)
