"""The door of the ledger: text, counts, time and identities."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.admission import Admission, admit, fit_text
from processor.calls.call import Flag, ModelCall
from processor.calls.identity import identity_rules, keyed_hash

KEY = b"a deployment key of the tests"
SECOND, DAY = 10**9, 86_400 * 10**9
NOW = 1_790_000_000 * SECOND
RULES = Admission(identity_rules([KEY]))


def a_call(**values: object) -> ModelCall:
    known: dict[str, object] = {
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "time_ns": NOW - SECOND,
        "received_ns": NOW,
        "provider": "openai",
        "model": "gpt-4o-mini",
        "input_tokens": 1037,
        "output_tokens": 211,
    }
    return ModelCall(**{**known, **values})  # type: ignore[arg-type]


def admitted(**values: object) -> ModelCall:
    call = a_call(**values)
    assert admit(call, RULES) is None
    return call


def test_an_ordinary_call_is_left_as_it_is() -> None:
    call = admitted(endpoint_tag="checkout.ai_summary", cache_read_tokens=261, reasoning_tokens=64)
    expected = a_call(
        endpoint_tag="checkout.ai_summary",
        cache_read_tokens=261,
        reasoning_tokens=64,
        claimed_time_ns=NOW - SECOND,
    )
    for field in fields(ModelCall):
        assert getattr(call, field.name) == getattr(expected, field.name), field.name


# Text (LEDGER §15)


def test_a_long_tag_is_cut_to_200_bytes_with_a_hash_of_the_whole() -> None:
    call, other = admitted(endpoint_tag="é" * 300 + "a"), admitted(endpoint_tag="é" * 300 + "b")
    assert call.endpoint_tag is not None
    assert other.endpoint_tag is not None
    assert 190 <= len(call.endpoint_tag.encode()) <= 200
    assert call.endpoint_tag[-9] == "~"
    assert call.endpoint_tag != other.endpoint_tag
    assert call.flags & Flag.TEXT_CUT


def test_two_hundred_bytes_are_not_cut() -> None:
    assert fit_text("é" * 100) == ("é" * 100, 0)
    assert fit_text("a" * 200) == ("a" * 200, 0)


@pytest.mark.parametrize(
    "field",
    ["provider", "model", "request_model", "endpoint_tag", "tenant_id", "response_id", "service_name"],
)
def test_nul_and_lone_surrogates_are_replaced(field: str) -> None:
    call = admitted(**{field: "a\0b\ud800c"})
    assert getattr(call, field) == "a\ufffdb\ufffdc"
    assert call.flags & Flag.TEXT_CLEANED


@given(st.text(st.characters(), max_size=400))
def test_any_text_fits_after_the_door(text: str) -> None:
    stored, flags = fit_text(text)
    encoded = stored.encode()
    assert len(encoded) <= 200
    assert b"\0" not in encoded
    assert fit_text(stored) == (stored, 0)
    assert bool(flags) == (stored != text)


@pytest.mark.parametrize(
    ("field", "empty"),
    [("provider", "unknown"), ("model", "unknown"), ("environment", "prod"), ("endpoint_tag", None)],
)
def test_an_empty_label_is_as_good_as_none(field: str, empty: str | None) -> None:
    assert getattr(admitted(**{field: "  "}), field) == empty


def test_labels_seen_before_are_still_checked_for_the_next_call() -> None:
    long_tag = "x" * 500
    first, second = admitted(endpoint_tag=long_tag), admitted(endpoint_tag=long_tag)
    assert first.endpoint_tag == second.endpoint_tag
    assert second.endpoint_tag is not None
    assert len(second.endpoint_tag) == 200


# Counts


@pytest.mark.parametrize("count", [-1, 10**9 + 1, 2**63, -(2**70)])
def test_an_absurd_count_becomes_missing_with_everything_priced_with_it(count: int) -> None:
    call = admitted(input_tokens=count, cache_read_tokens=10)
    assert call.input_tokens is None
    assert call.cache_read_tokens is None
    assert call.output_tokens == 211
    assert call.flags & Flag.USAGE_INVALID


def test_a_billion_tokens_are_still_a_count() -> None:
    call = admitted(input_tokens=10**9)
    assert call.input_tokens == 10**9
    assert not call.flags


@pytest.mark.parametrize(
    "parts",
    [
        {"cache_read_tokens": 1038},
        {"cache_read_tokens": 600, "cache_write_tokens": 600},
        {"cache_write_tokens": 10, "cache_write_1h_tokens": 11},
        {"cache_write_1h_tokens": 1},
        {"input_audio_tokens": 1000, "input_image_tokens": 100},
    ],
)
def test_input_parts_above_their_total_make_the_input_unknown(parts: dict[str, int]) -> None:
    call = admitted(**parts)
    assert call.input_tokens is None
    assert all(getattr(call, name) is None for name in parts)
    assert call.flags & Flag.USAGE_INVALID


def test_reasoning_above_the_output_is_outside_of_it_and_is_added() -> None:
    call = admitted(reasoning_tokens=212)
    assert (call.output_tokens, call.reasoning_tokens, call.flags) == (423, 212, Flag.USAGE_NORMALISED)


def test_reasoning_and_output_that_are_absurd_together_are_no_usage() -> None:
    call = admitted(output_tokens=5, reasoning_tokens=10**9)
    assert (call.output_tokens, call.reasoning_tokens, call.flags) == (None, None, Flag.USAGE_INVALID)
    assert call.flags & Flag.USAGE_INVALID


def test_output_parts_above_their_total_make_the_output_unknown() -> None:
    assert admitted(output_audio_tokens=212).output_tokens is None


COUNT = st.none() | st.integers(-5, 2000) | st.integers()


@given(st.fixed_dictionaries({f.name: COUNT for f in fields(ModelCall) if f.name.endswith("_tokens")}))
def test_after_the_door_counts_are_measured_and_parts_fit(counts: dict[str, int | None]) -> None:
    call = admitted(**counts)
    left = {name: getattr(call, name) for name in counts}
    assert all(count is None or 0 <= count <= 10**9 for count in left.values())
    if call.input_tokens is not None:
        assert (call.cache_read_tokens or 0) + (call.cache_write_tokens or 0) <= call.input_tokens
        assert (call.cache_write_1h_tokens or 0) <= (call.cache_write_tokens or 0)
    if call.output_tokens is not None:
        assert (call.reasoning_tokens or 0) <= call.output_tokens
    assert bool(call.flags & (Flag.USAGE_INVALID | Flag.USAGE_NORMALISED)) == (left != counts)


def test_numbers_that_no_column_holds_become_missing() -> None:
    call = admitted(
        latency_us=-1, time_to_first_token_us=2**63, attempt=-1, http_status=99, reported_cost_pico_usd=2**63
    )
    assert call.latency_us is None
    assert call.time_to_first_token_us is None
    assert call.attempt is None
    assert call.http_status is None
    assert call.reported_cost_pico_usd is None
    assert call.flags & Flag.LATENCY_UNKNOWN


@pytest.mark.parametrize("name", ["latency_us", "time_to_first_token_us"])
@pytest.mark.parametrize(("sent", "kept"), [(24 * 3600 * 10**6, True), (24 * 3600 * 10**6 + 1, False)])
def test_a_duration_of_more_than_a_day_is_unknown(name: str, sent: int, kept: bool) -> None:
    call = admitted(**{name: sent})
    assert getattr(call, name) == (sent if kept else None)
    assert bool(call.flags & Flag.LATENCY_UNKNOWN) == (name == "latency_us" and not kept)


# Time (LEDGER §8)


@pytest.mark.parametrize("claimed", [NOW + 601 * SECOND, 1, 1_420_070_399 * SECOND, 2**64 - 1])
def test_an_impossible_start_is_booked_at_the_receipt_and_kept(claimed: int) -> None:
    call = admitted(time_ns=claimed)
    assert (call.time_ns, call.claimed_time_ns) == (NOW, claimed)
    assert call.flags & Flag.CLOCK_MOVED


@pytest.mark.parametrize("claimed", [NOW + 600 * SECOND, NOW, NOW - 31 * DAY])
def test_a_start_at_the_edge_is_believed(claimed: int) -> None:
    call = admitted(time_ns=claimed)
    assert (call.time_ns, call.claimed_time_ns, call.flags) == (claimed, claimed, 0)


def test_a_report_without_a_time_is_booked_at_its_receipt_without_a_flag() -> None:
    call = admitted(time_ns=0)
    assert (call.time_ns, call.claimed_time_ns, call.flags) == (NOW, 0, 0)


@pytest.mark.parametrize("claimed", [NOW - 31 * DAY - 1, 1_420_070_400 * SECOND])
def test_a_call_older_than_the_limit_is_refused(claimed: int) -> None:
    rejection = admit(a_call(time_ns=claimed), RULES)
    assert rejection is not None
    assert rejection.reason == "too_late"
    assert rejection.span_id == b"s" * 8
    assert "at most 31" in rejection.detail


def test_the_late_limit_is_a_setting() -> None:
    rules = replace(RULES, late_limit_ns=DAY)
    rejection = admit(a_call(time_ns=NOW - 2 * DAY), rules)
    assert rejection is not None
    assert "2.0 days before its receipt, at most 1 are" in rejection.detail


# Identities (DESIGN §9)


def test_users_are_stored_hashed_and_tenants_plain() -> None:
    call = admitted(user_id="user-42", tenant_id="acme")
    assert (call.user_id, call.tenant_id) == (keyed_hash("user-42", KEY), "acme")
    assert not call.flags


def test_a_person_as_a_tenant_is_hashed_and_flagged() -> None:
    call = admitted(tenant_id="jane@example.com")
    assert call.tenant_id == keyed_hash("jane@example.com", KEY)
    assert call.flags & Flag.RAW_IDENTITY


def test_empty_identities_are_none() -> None:
    call = admitted(user_id="", tenant_id=" ")
    assert (call.user_id, call.tenant_id) == (None, None)


def test_two_long_users_stay_apart() -> None:
    assert admitted(user_id="u" * 300 + "1").user_id != admitted(user_id="u" * 300 + "2").user_id


def test_admitting_twice_changes_nothing_more() -> None:
    call = admitted(
        time_ns=1, user_id="user-42", tenant_id="t" * 300, endpoint_tag="a\0", cache_read_tokens=5000
    )
    before = [getattr(call, field.name) for field in fields(ModelCall)]
    assert admit(call, RULES) is None
    assert [getattr(call, field.name) for field in fields(ModelCall)] == before
