"""Provider, model and tags: which of several sources a field is read from."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from processor.calls.precedence import route_rank
from receiver.dialects import DIALECTS
from receiver.dialects.table import ApplicationKeys
from receiver.otlp.decode import DecodeOptions, decode
from tests.receiver.spans import CHAT, T0, Made, decoded, one_call, read, request

# Provider and model


@pytest.mark.parametrize(
    ("attributes", "provider"),
    [
        ({"gen_ai.provider.name": "strands-agents", "gen_ai.request.model": "claude-sonnet-4"}, "anthropic"),
        ({"gen_ai.system": "Langchain", "traceloop.association.properties.ls_provider": "openai"}, "openai"),
        ({"gen_ai.system": "", "gen_ai.request.model": "gpt-4.1"}, "openai"),
        ({"gen_ai.system": "openai.chat"}, "openai"),
        ({"gen_ai.provider.name": "gemini"}, "gcp.gemini"),
        ({"gen_ai.system": "MistralAI"}, "mistral_ai"),
        ({"gen_ai.provider.name": "microsoft.foundry", "gen_ai.request.model": "gpt-4o"}, "openai"),
        ({"gen_ai.request.model": "llama-3-70b"}, "unknown"),
    ],
)
def test_frameworks_are_no_providers(attributes: dict[str, object], provider: str) -> None:
    assert read({"gen_ai.operation.name": "chat", **attributes}).provider == provider


def test_the_providers_name_is_taken_off_the_model() -> None:
    call = read(
        {"openinference.span.kind": "LLM", "llm.model_name": "openai/gpt-4o-mini", "llm.provider": "openai"}
    )
    assert call.model == "gpt-4o-mini"


def test_another_makers_name_stays_on_the_model() -> None:
    call = read(
        {**CHAT, "gen_ai.provider.name": "openrouter", "gen_ai.request.model": "anthropic/claude-sonnet-4"}
    )
    assert call.model == "anthropic/claude-sonnet-4"


def test_litellms_encoded_response_id_is_decoded() -> None:
    routing = b"litellm:custom_llm_provider:openai;model_id:None;response_id:resp_stub0001619714"
    encoded = "resp_" + base64.b64encode(routing).decode()
    assert (
        read({**CHAT, "gen_ai.response.id": encoded, "litellm.call_id": "x"}).response_id
        == "resp_stub0001619714"
    )


# Tags


@pytest.mark.parametrize(
    ("key", "field"),
    [
        (key, field)
        for field in (
            "endpoint_tag",
            "prompt_version",
            "user_id",
            "tenant_id",
            "external_request_id",
            "conversation_id",
        )
        for key in getattr(ApplicationKeys(), field)
    ],
)
def test_the_applications_own_tags_are_read_in_every_spelling(key: str, field: str) -> None:
    call = read({**CHAT, key: "value-1"})
    assert getattr(call, field) == "value-1"
    assert (field, key, 0) in call.sources
    assert call.request_id_given == (field == "external_request_id")


def test_an_explicit_tag_goes_before_a_dialects() -> None:
    call = read(
        {**CHAT, "endpoint_tag": "checkout.summary", "traceloop.workflow.name": "w", "gen_ai.agent.name": "a"}
    )
    assert call.endpoint_tag == "checkout.summary"


@pytest.mark.parametrize("sent", ["", "  ", "[Scrubbed due to 'session']", "None"])
def test_empty_and_scrubbed_tags_are_none(sent: str) -> None:
    assert read({**CHAT, "user.id": sent}).user_id is None


def test_an_id_of_the_application_groups_and_another_is_a_label() -> None:
    given = read({**CHAT, "app.external_request_id": "req-1", "gen_ai.response.id": "chatcmpl-abcdefabcdef1"})
    label = read({**CHAT, "gen_ai.response.id": "chatcmpl-abcdefabcdef1"})
    bare = read(CHAT)
    assert (given.external_request_id, given.request_id_given) == ("req-1", True)
    assert (label.external_request_id, label.request_id_given) == ("chatcmpl-abcdefabcdef1", False)
    assert (bare.external_request_id, bare.request_id_given) == (bare.span_id.hex(), False)


def test_data_mode_attempt_and_environment_are_read() -> None:
    call = read({**CHAT, "data_mode": "Test", "attempt": 3, "app.environment": "Production"})
    assert (call.data_mode, call.attempt, call.environment) == ("test", 3, "prod")


def test_other_key_lists_can_be_configured() -> None:
    keys = ApplicationKeys(endpoint_tag=("shop.feature",), tenant_id=("shop.customer",))
    body = request(Made({**CHAT, "shop.feature": "cart", "shop.customer": "c-7"})).SerializeToString()
    (call,) = decode(body, T0, DecodeOptions(keys)).calls
    assert (call.endpoint_tag, call.tenant_id) == ("cart", "c-7")


def test_ancestors_give_what_the_call_lacks_nearest_first() -> None:
    root = Made({"endpoint_tag": "far", "tenant_id": "acme"}, span_id=1, kind=2)
    middle = Made({"endpoint_tag": "near"}, span_id=2, parent=1)
    call = one_call(root, middle, Made(CHAT, span_id=3, parent=2))
    assert (call.endpoint_tag, call.tenant_id) == ("near", "acme")
    assert {s.field: s.rank for s in call.sources if s.field in ("endpoint_tag", "tenant_id")} == {
        "endpoint_tag": 21,
        "tenant_id": 22,
    }


def test_the_resource_gives_tags_last() -> None:
    call = one_call(
        Made(CHAT, resource={"service.name": "s", "tenant_id": "acme", "deployment.environment": "dev"})
    )
    assert (call.tenant_id, call.environment, call.service_name) == ("acme", "dev", "s")


def test_the_route_of_the_server_stands_in_for_the_endpoint() -> None:
    server = Made({"http.route": "/api/answer"}, span_id=1, kind=2, name="POST /api/answer")
    call = one_call(server, Made(CHAT, span_id=2, parent=1))
    assert call.endpoint_tag == "/api/answer"
    assert ("endpoint_tag", "http.route", route_rank(1)) in call.sources


def test_a_cycle_of_parents_ends() -> None:
    batch = decoded(Made({**CHAT}, span_id=1, parent=2), Made({"user.id": "u"}, span_id=2, parent=1))
    assert len(batch.calls) == 1


def test_content_is_in_nothing_that_decoding_returns() -> None:
    canary = "the secret recipe of the canary"
    told = json.dumps([{"role": "user", "content": canary}])
    batch = decoded(
        Made(
            {
                **CHAT,
                "gen_ai.input.messages": told,
                "gen_ai.output.messages": told,
                "gen_ai.prompt.0.content": canary,
                "gen_ai.completion": canary,
                "input.value": told,
                "output.value": told,
                "ai.prompt": canary,
                "langfuse.observation.input": told,
                "request_data": json.dumps({"messages": told}),
                "llm.openai.choices": told,
            }
        ),
        Made({"openinference.span.kind": "CHAIN", "output.value": told, "metadata": told}, span_id=2),
    )
    assert canary not in repr(batch)


def test_sources_are_shared_by_calls_of_one_shape() -> None:
    one, other = decoded(Made(CHAT, span_id=1), Made(CHAT, span_id=2, trace=b"\2" * 16)).calls
    assert one.sources is other.sources


def test_every_dialect_has_a_name_of_its_own() -> None:
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)


def test_every_dialect_is_in_the_table_of_what_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "instrumenting.md").read_text()
    table = page.partition("## Supported instrumentations")[2].partition("\n## ")[0]
    assert [dialect.name for dialect in DIALECTS if f"`{dialect.name}`" not in table] == []
