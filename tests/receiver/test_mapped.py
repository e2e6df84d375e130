"""A vocabulary that a user maps is read like every other one, for its own emitters alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.call import Batch, Flag
from receiver.dialects.config import FIELDS as FIELD_NAMES
from receiver.dialects.config import DialectConfig
from receiver.dialects.guess import field_of, snippet
from receiver.dialects.mapped import compile_dialects
from receiver.otlp.decode import DecodeOptions, decode_message
from receiver.otlp.fields import COUNT_FIELDS
from receiver.otlp.framing import Frame, needles_for
from receiver.otlp.logs import decode_logs
from tests.receiver.spans import CHAT, T0, Attributes, Made, decoded, request
from tests.receiver.test_logs import logs, record
from tests.running import ROOT

ACME = ("acme.llm.tracing", "3.1")
FIELDS: dict[str, Any] = {"input_tokens": "acme.in", "output_tokens": "acme.out", "model": "acme.model"}
SPAN: Attributes = {"acme.in": 100, "acme.out": 20, "acme.model": "gpt-4o-mini"}


def options(**settings: Any) -> DecodeOptions:
    configured = {"name": "acme", "scope": "acme.*", "fields": FIELDS} | settings
    return DecodeOptions(dialects=compile_dialects([DialectConfig.model_validate(configured)]))


def read(*spans: Made, **settings: Any) -> Batch:
    return decode_message(request(*spans), T0, options(**settings))


def span(attributes: Attributes = SPAN, scope: tuple[str, str] = ACME, name: str = "work") -> Made:
    return Made(attributes, scope=scope, name=name)


def test_a_mapped_span_is_a_call_with_its_fields() -> None:
    (call,) = read(span(SPAN | {"tenant.id": "initech"})).calls
    assert (call.input_tokens, call.output_tokens, call.model) == (100, 20, "gpt-4o-mini")
    assert (call.provider, call.dialect, call.tenant_id) == ("openai", "acme", "initech")
    assert ("input_tokens", "acme.in") in {(source.field, source.attribute) for source in call.sources}


def test_without_the_mapping_it_is_not_found_and_other_emitters_stay_as_they_are() -> None:
    assert decoded(span()).calls == []
    assert read(span(scope=("other", "3.1"))).calls == []
    assert read(span(scope=("acme.llm", "4.0")), version="3.*").calls == []
    assert len(read(span(), version="3.*").calls) == 1
    (call,) = read(Made(CHAT)).calls
    assert call.dialect == decoded(Made(CHAT)).calls[0].dialect


def test_a_mapping_wins_over_what_a_vocabulary_says() -> None:
    (call,) = read(span(SPAN | {"gen_ai.usage.input_tokens": 7, "gen_ai.request.model": "else"})).calls
    assert (call.input_tokens, call.model) == (100, "gpt-4o-mini")


@pytest.mark.parametrize(
    ("provider", "includes", "total", "is_open"),
    [
        ("openai", True, 100, False),
        ("openai", False, 150, False),
        ("anthropic", True, 100, False),
        ("anthropic", False, 150, False),
        ("anthropic", None, None, True),
        ("openai", None, 100, False),
    ],
)
def test_the_user_says_whether_the_input_includes_the_cache(
    provider: str, includes: bool | None, total: int | None, is_open: bool
) -> None:
    fields = FIELDS | {"cache_read_tokens": "acme.cached", "provider": "acme.vendor"}
    sent = span(SPAN | {"acme.cached": 50, "acme.vendor": provider})
    (call,) = read(sent, fields=fields, input_includes_cache=includes).calls
    assert call.cache_read_tokens == 50
    assert bool(call.flags & Flag.USAGE_AMBIGUOUS) == is_open
    assert total is None or call.input_tokens == total


def test_counts_inside_of_an_object_are_read_by_their_path() -> None:
    fields = {"input_tokens": ["acme.in", "acme.usage→in→total"], "output_tokens": "acme.usage -> out"}
    usage = json.dumps({"in": {"total": 9}, "out": 4})
    (call,) = read(span({"acme.usage": usage}), fields=fields).calls
    assert (call.input_tokens, call.output_tokens) == (9, 4)


@pytest.mark.parametrize(
    ("calls", "attributes", "name", "counts"),
    [
        ({"attribute": "acme.kind", "values": ["llm"]}, {"acme.kind": "llm"}, "work", True),
        ({"attribute": "acme.kind", "values": "llm"}, {"acme.kind": "agent"}, "work", False),
        ({"attribute": "acme.kind", "values": ["llm"]}, {}, "work", False),
        ({"attribute": "acme.kind"}, {"acme.kind": "anything"}, "work", True),
        ({"attribute": "acme.is_call", "values": ["true"]}, {"acme.is_call": True}, "work", True),
        ({"attribute": "acme.is_call", "values": ["true"]}, {"acme.is_call": False}, "work", False),
        ({"span_name": "llm *"}, {}, "llm gpt-4o", True),
        ({"span_name": "llm *"}, {}, "agent", False),
        ({"span_name": "llm *", "attribute": "acme.kind"}, {"acme.kind": "x"}, "agent", False),
    ],
)
def test_the_users_condition_says_which_spans_are_calls(
    calls: dict[str, object], attributes: Attributes, name: str, counts: bool
) -> None:
    batch = read(span(SPAN | attributes, name=name), calls=calls)
    assert len(batch.calls) == counts
    if not counts:
        assert [s.reason for s in batch.sightings] == ["acme: not a call, as receiver.dialects says"]


def test_a_failed_call_without_counts_is_a_call_by_its_condition() -> None:
    failed = Made({"acme.kind": "llm"}, scope=ACME, failed=True)
    (call,) = read(failed, calls={"attribute": "acme.kind", "values": ["llm"]}).calls
    assert call.status == "error"


@given(keys=st.lists(st.text("abc._-", min_size=1, max_size=12), min_size=1, max_size=4, unique=True))
def test_every_mapped_key_is_found_by_the_byte_scan(keys: list[str]) -> None:
    spans = [Made({key: value}) for key in keys for value in (5, "text", 0.5)]
    found = Frame(request(*spans).SerializeToString()).interesting(needles_for(keys))
    assert found == list(range(len(spans)))


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("acme.tokens.prompt", "input_tokens"), ("tokens_out", "output_tokens"), ("totalTokens",
        "total_tokens"), ("usage.cache_read_input_tokens", "cache_read_tokens"), ("cacheCreationTokens",
        "cache_write_tokens"), ("acme.usage→thoughts_token_count", "reasoning_tokens"),
        ("input_audio_tokens", "input_audio_tokens"), ("acme.model", "model"), ("acme.request.model",
        "request_model"), ("llm.vendor", "provider"), ("acme.tokens", None),
    ],
)  # fmt: skip
def test_the_field_of_a_key_is_guessed_from_its_words(key: str, field: str | None) -> None:
    assert field_of(key) == field


def test_the_snippet_reads_what_was_unread() -> None:
    """What `spanledger unread` prints is a configuration that counts the spans."""
    import yaml

    attributes = {"acme.tokens.prompt": 9, "acme.tokens.completion": 4, "acme.model": "gpt-4o-mini"}
    (found,) = [s.unread for s in decoded(span(attributes)).sightings if s.unread]
    written = yaml.safe_load(snippet([(found.scope, found.version, found.keys)]))
    configured = [DialectConfig.model_validate(one) for one in written["receiver"]["dialects"]]
    reading = DecodeOptions(dialects=compile_dialects(configured))
    (call,) = decode_message(request(span(attributes)), T0, reading).calls
    assert (call.input_tokens, call.output_tokens, call.model) == (9, 4, "gpt-4o-mini")


def test_every_count_can_be_mapped_and_every_field_is_on_the_page() -> None:
    assert set(FIELD_NAMES.values()) >= COUNT_FIELDS
    page = (ROOT / "docs" / "instrumenting.md").read_text(encoding="utf-8")
    assert [name for name in FIELD_NAMES if f"`{name}`" not in page] == []


def test_hostile_names_stay_inside_of_the_snippet() -> None:
    import yaml

    keys = ('a"\nreceiver: x.input_tokens', "b\u2028: [tokens_out", "# what\n  is: this_tokens")
    written = yaml.safe_load(snippet([('scope"\n- x', "1\n  evil: true", keys)]))
    (entry,) = written["receiver"]["dialects"]
    assert set(entry) == {"name", "scope", "fields"}


def test_log_records_of_a_mapped_emitter_are_calls_and_its_others_are_not_unread() -> None:
    calls = {"attribute": "event.name", "values": ["acme.answered"]}
    answered = record(SPAN | {"event.name": "acme.answered"})
    other = record(SPAN | {"event.name": "acme.summary", "acme.total_tokens": 120})
    body = logs(answered, other, scope="acme.events")
    batch = decode_logs(body, T0, options(calls=calls))
    (call,) = batch.calls
    assert (call.input_tokens, call.dialect, call.flags & Flag.FROM_LOG) == (100, "acme", Flag.FROM_LOG)
    assert batch.sightings == []
    assert [s.unread is not None for s in decode_logs(body, T0).sightings] == [True]
