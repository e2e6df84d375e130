"""Usage that no rule reads is told, whatever it is called; what only looks like it is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from receiver.dialects import spellings
from receiver.otlp.decode import decode, decode_message
from receiver.otlp.framing import NEEDLES, Frame
from receiver.otlp.unread import MAX_KEY_LENGTH, MAX_KEYS, unread_keys
from tests.receiver.captures import CAPTURES
from tests.receiver.spans import CHAT, T0, Attributes, Made, decoded, pairs, request

ACME = ("acme.llm.tracing", "3.1")
OWN = {"acme.tokens.prompt": 120, "acme.tokens.completion": 8}

COUNTS = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens", "gen_ai.usage.total_tokens", "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",  # OpenTelemetry, old and new
    "llm.usage.total_tokens", "llm.usage.prompt_tokens", "llm.usage.completion_tokens",  # OpenLLMetry
    "llm.token_count.prompt", "llm.token_count.completion",
    "llm.token_count.prompt_details.cache_read",  # OpenInference
    "ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.cachedInputTokens",  # Vercel
    "ai.prompt_tokens.used", "ai.completion_tokens.used", "ai.total_tokens.used",  # Sentry before 9
    "input_tokens", "output_tokens", "cache_read_tokens", "inputTokens", "tokens_in",
    "tokens_out",  # coding agents
    "input_token_count", "cached_content_token_count", "thoughts_token_count", "promptTokenCount",
    "acme.turn.token_usage.input_tokens", "usage.prompt_tokens", "usage.input", "usage.output",
    "request.tokens", "num_prompt_tokens", "tokenUsage.promptTokens", "total_token", "OutputTokens",
)  # fmt: skip
# Braintrust: https://github.com/braintrustdata/braintrust-sdk-java, braintrust-sdk-ruby (one JSON attribute)
OBJECTS = (
    ("mlflow.chat.tokenUsage", {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}),
    ("acme.usage_details", {"input": 5, "output": 2}),  # Langfuse's usage types
    ("lk.llm_metrics.usage", {"prompt_tokens": 7, "completion_tokens": 4}),  # LiveKit
    ("usage_metadata", {"promptTokenCount": 6, "candidatesTokenCount": 2}),  # Gemini
    ("response.usage", {"cache_creation": {"ephemeral_1h_input_tokens": 3}}),  # Anthropic
    ("acme.token_usage", {"prompt": 3, "completion": 2}),
    ("braintrust.metrics", {"prompt_tokens": 10, "time_to_first_token": 1, "completion_tokens": 4}),
    ("http.response.body", {"usage": {"input_tokens": 3, "output_tokens": 2}}),
)
NO_USAGE: tuple[tuple[str, object], ...] = (
    ("http.request.header.csrf_token", "123"), ("auth.token", "99"), ("jwt.token.count", 3),
    ("access_tokens", 2), ("gen_ai.request.max_tokens", 4096), ("llm.max_output_tokens", 4096),
    ("tokens_per_second", 12), ("ratelimit.remaining_tokens", 900), ("x-ratelimit-limit-tokens", 900),
    ("thinking.budget_tokens", 2000), ("token.expires_in", 3600), ("bucket.tokens.used", 3), ("token", 5),
    ("session.token", 7), ("cpu.usage", 40), ("process.memory.usage.input", 5), ("gen_ai.usage.cost", 3),
    ("llm.usage.total_tokens", 0), ("llm.usage.total_tokens", -1), ("llm.usage.total_tokens", 0.5),
    ("llm.usage.total_tokens", True), ("llm.usage.total_tokens", "many"), ("tokens", 5),
    ("parser.token_count", 12), ("acme.usage", 3), ("device.model.name", "gpt-4o"), ("db.system", "openai"),
    ("acme.usage", "{\"broken"),
    ("acme.request", '{"max_tokens": 4096, "text": "tokens of input: 5"}'), ("acme.body", '{"tokens": 5}'),
    ("acme.state", '{"csrf_token": 5, "token": 7}'), ("acme.text", "input_tokens: 5"),
)  # fmt: skip


def sent(attributes: Attributes, scope: tuple[str, str] = ACME, name: str = "work") -> Made:
    return Made(attributes, scope=scope, name=name)


def keys_of(attributes: Attributes, scope: tuple[str, str] = ACME) -> tuple[str, ...]:
    """The keys of the span's verdict `unread`; empty without one."""
    return next((s.unread.keys for s in decoded(sent(attributes, scope)).sightings if s.unread), ())


def test_counts_of_an_invented_vocabulary_are_unread() -> None:
    batch = decoded(sent(OWN | {"acme.model": "acme-1"}))
    (sighting,) = batch.sightings
    assert batch.calls == []
    assert sighting.reason == "unread: no rule reads acme.model, acme.tokens.completion, acme.tokens.prompt"
    unread = sighting.unread
    assert unread is not None
    assert (unread.scope, unread.version, unread.time_ns) == (*ACME, T0)
    assert unread.keys == ("acme.model", "acme.tokens.completion", "acme.tokens.prompt")


def test_where_unread_usage_belongs_is_read_as_for_a_call() -> None:
    parent = Made({"data_mode": "test"}, span_id=2)
    child = Made(OWN, parent=2, resource={"service.name": "shop", "deployment.environment.name": "Staging"})
    (found,) = [s.unread for s in decoded(parent, child).sightings if s.unread]
    assert (found.service_name, found.environment, found.data_mode) == ("shop", "staging", "test")


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("value", [7, 7.0, "7"])
def test_a_count_is_recognised_however_it_is_spelled(key: str, value: object) -> None:
    if key != "total_token" or value != "7":  # a word in the singular with text is more often a secret
        assert keys_of({key: value}) == (key,)


@pytest.mark.parametrize(("key", "usage"), OBJECTS)
def test_counts_inside_of_an_object_are_recognised_as_text_and_as_map(
    key: str, usage: dict[str, object]
) -> None:
    as_text = keys_of({key: json.dumps(usage)})
    assert as_text
    assert all(name.startswith(f"{key}→") for name in as_text)
    message = request(sent({}))
    message.resource_spans[0].scope_spans[0].spans[0].attributes.add(key=key, value=_map(usage))
    (sighting,) = decode_message(message, T0).sightings
    assert sighting.unread is not None
    assert sighting.unread.keys == as_text


def _map(usage: dict[str, object]) -> AnyValue:
    made = AnyValue()
    for name, value in usage.items():
        leaf = _map(value) if isinstance(value, dict) else AnyValue(int_value=int(str(value)))
        made.kvlist_value.values.append(KeyValue(key=name, value=leaf))
    return made


@pytest.mark.parametrize(("key", "value"), NO_USAGE)
def test_what_only_looks_like_usage_is_left_alone(key: str, value: object) -> None:
    assert keys_of({key: value}, ("acme.http", "1")) == ()


@pytest.mark.parametrize(
    ("attributes", "is_unread"),
    [
        ({"tokens": 5, "acme.model": "gpt-4o"}, True),
        ({"tokens": 5, "llm.model": "own-model"}, True),
        ({"tokens": 5, "device.model": "T1000"}, False),
        ({"acme.model": "gpt-4o", "acme.provider": "openai"}, True),
        ({"llm.model": "own-model", "llm.provider": "openai"}, True),
        ({"gen_ai.request.model": "own-model", "gen_ai.system": "openai"}, True),
        ({"acme.model": "T1000", "acme.provider": "stripe"}, False),
        ({"acme.model": "T1000", "acme.provider": "openai"}, False),
        ({"acme.model": "gpt-4o"}, False),
    ],
)
def test_a_model_with_a_provider_speaks_of_a_call(attributes: Attributes, is_unread: bool) -> None:
    assert bool(keys_of(attributes, ("acme.work", "1"))) == is_unread


def test_a_bare_count_of_a_scope_that_speaks_of_models_is_unread() -> None:
    assert keys_of({"tokens": 5}, ("acme.llm", "1")) == ("tokens",)
    assert keys_of({"tokens": 5}, ("acme.lexer", "1")) == ()


@pytest.mark.parametrize("is_around", [True, False])
def test_usage_around_or_inside_of_a_counted_call_repeats_it(is_around: bool) -> None:
    outer, inner = (OWN, CHAT) if is_around else (CHAT, OWN)
    batch = decoded(Made(outer, span_id=1), Made({}, span_id=2, parent=1), Made(inner, span_id=3, parent=2))
    assert len(batch.calls) == 1
    (sighting,) = [s for s in batch.sightings if "no rule reads" in s.reason]
    assert sighting.unread is None
    assert "around or inside of" in sighting.reason


def test_usage_inside_of_a_wrapper_that_waits_is_unread_until_that_is_counted() -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 7}
    batch = decoded(Made(agent | {"gen_ai.request.model": "m"}, span_id=1), Made(OWN, span_id=2, parent=1))
    assert [s.span_id[-1] for s in batch.sightings if s.unread] == [2]
    assert [s.span_id[-1] for s in batch.sightings if s.wrapper] == [1]


def test_usage_beside_a_counted_call_is_unread() -> None:
    batch = decoded(Made({}, span_id=1), Made(CHAT, span_id=2, parent=1), Made(OWN, span_id=3, parent=1))
    assert [s.span_id[-1] for s in batch.sightings if s.unread] == [3]


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.output_tokens": 5},
        {"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 5},
        {"traceloop.span.kind": "workflow", "llm.usage.total_tokens": 5},
        {"langsmith.span.kind": "chain", "gen_ai.usage.input_tokens": 5},
    ],
)
def test_a_span_known_to_be_no_call_is_not_unread(attributes: Attributes) -> None:
    assert keys_of(attributes) == ()


def test_names_are_bounded_and_values_never_leave() -> None:
    many = {f"step.{place}.input_tokens": 10 + place for place in range(40)}
    assert keys_of(many) == ("step.*.input_tokens",)
    wide = {f"{letter * 400}.input_tokens{letter}": 1 for letter in "abc"} | {
        f"agent{chr(97 + place % 26)}{place}_input_tokens": 777_001 for place in range(60)
    }
    found = keys_of(wide)
    assert len(found) == MAX_KEYS
    assert all(len(key) <= MAX_KEY_LENGTH for key in found)
    assert "777001" not in "".join(found)


def test_a_count_among_thousands_of_attributes_is_found() -> None:
    many = {f"item.{place}.name": "x" for place in range(3_000)}
    assert keys_of({**many, "acme.input_tokens": 5}) == ("acme.input_tokens",)


def test_counts_in_a_list_of_objects_are_found() -> None:
    usage = json.dumps([{"model": "a", "input_tokens": 4}, {"input_tokens": 5}])
    assert keys_of({"acme.usage": usage}) == ("acme.usage→*→input_tokens",)


def test_usage_that_only_an_event_tells_is_unread() -> None:
    message = request(Made({"acme.kind": "x"}, scope=ACME))
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.events.add(name="exception").attributes.extend(pairs({"exception.type": "E"}))
    span.events.add(name="usage").attributes.extend(pairs({"input_tokens": 5}))
    (sighting,) = decode_message(message, T0).sightings
    assert sighting.unread is not None
    assert sighting.unread.keys == ("event→input_tokens",)


def test_no_captured_span_is_unread() -> None:
    for capture in CAPTURES:
        if capture.body:
            batch = decode(capture.body, T0)
            assert [s.name for s in batch.sightings if s.unread] == [], capture


def _published() -> Iterator[Attributes]:
    """Every published spelling of a count, alone, as its own emitter writes it and under a foreign prefix."""
    for prefix, fields in spellings.ATTRIBUTES.items():
        for name in (name for names in fields.values() for name in names):
            yield {prefix + name: 5}
            yield {f"acme.usage.{name}": 5, "acme.model": "gpt-4o"}
    tables = (spellings.INSIDE, spellings.OUTSIDE)
    for path in (path for table in tables for paths in table.values() for path in paths):
        usage: object = 5
        for step in reversed(path):
            usage = {step: usage}
        yield {"acme.usage": json.dumps(usage), "acme.model": "gpt-4o"}


def _is_passed_over(attributes: Attributes) -> bool:
    batch = decoded(sent(attributes, ("acme.work", "1")))
    has_counts = all(call.input_tokens or call.output_tokens for call in batch.calls)
    return len(batch.calls) + len(batch.sightings) != 1 or not has_counts


def test_no_published_spelling_is_passed_over_in_silence() -> None:
    published = list(_published())
    assert len(published) > 400
    assert [attributes for attributes in published if _is_passed_over(attributes)] == []


_WORDS = st.sampled_from(["acme", "agent", "run", "x", "svc.model", "step"])


@given(
    prefix=st.lists(_WORDS, max_size=2).map(".".join),
    key=st.sampled_from(COUNTS),
    value=st.integers(1, 10**9),
    as_text=st.booleans(),
    more=st.dictionaries(_WORDS, st.integers(0, 9), max_size=3),
)
def test_no_spelling_of_usage_is_passed_over_in_silence(
    prefix: str, key: str, value: int, as_text: bool, more: dict[str, int]
) -> None:
    """Counted, unread, or known to be no call, with the reason; never a span with nothing to say."""
    full = f"{prefix}.{key}" if prefix else key
    shown: object = str(value) if as_text and key != "total_token" else value
    batch = decoded(sent({**more, full: shown}))
    assert len(batch.calls) + len(batch.sightings) == 1
    assert all(sighting.reason for sighting in batch.sightings)


def test_every_usage_key_is_found_without_reading_its_span() -> None:
    """The byte scan leaves out no span that has a verdict: each spelling alone is enough."""
    spans = [sent({key: 3}) for key in COUNTS] + [sent({k: json.dumps(v)}) for k, v in OBJECTS]
    assert Frame(request(*spans).SerializeToString()).interesting() == list(range(len(spans)))
    assert len(NEEDLES) <= 5, "each costs every span 0.15 µs"


def test_credentials_are_let_go_without_being_read() -> None:
    spans = [sent({key: "eyJhbGciOi"}) for key in ("csrf_token", "auth.token", "x.access_token", "token")]
    assert Frame(request(*spans).SerializeToString()).interesting() == []


def test_attributes_of_any_kind_can_be_asked() -> None:
    """A log record's attributes are asked the same way."""
    attributes_of = {k: AnyValue(int_value=5).SerializeToString() for k in ("acme.input_tokens", "other")}
    assert unread_keys(attributes_of, "acme") == ("acme.input_tokens",)
