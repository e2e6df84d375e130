"""Admission to the ledger: the checks a call must pass before it is stored. Changes the call in place.

Source:
    LEDGER §8 (time), §15 (text and numbers); DESIGN §3 (parts and totals), §9 (identities).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from operator import attrgetter
from typing import Final

from processor.calls.call import UNKNOWN, UNREAD, Flag, ModelCall, Rejection, UncountedSpan, Unread
from processor.calls.identity import IdentityRules, Protected
from processor.calls.tenants import Tenants

_SECOND_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _SECOND_NS
YEAR_2015_NS: Final = 1_420_070_400 * _SECOND_NS
"""No language model was billed before: an older start is a broken clock and not a late call."""
LONGEST_CALL_NS: Final = _DAY_NS
"""No model call lasts longer: a longer duration measures something else, and one of them moves every mean."""
_LONGEST_CALL_US: Final = LONGEST_CALL_NS // 1000
_SURELY_SHORTER_US: Final = 2**36 - 1
"""19 hours; of two durations the OR stays below this if both do."""
_BIGINT: Final = 2**63 - 1
_SMALLINT: Final = 2**15 - 1
_CUT_MARK_BYTES: Final = 9
"""`~` and 8 hex digits of the hash of the whole text."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_KNOWN_LABELS_LIMIT: Final = 16_384
"""Combinations of labels remembered as fit: 12 MB at worst, and a new one costs 5 µs."""

_REQUIRED_LABELS: Final = {"provider": UNKNOWN, "model": UNKNOWN, "operation": "chat", "environment": "prod"}
"""Labels that are never None, and what stands in an empty one."""
_LABELS: Final = (
    *_REQUIRED_LABELS,
    "request_model",
    "endpoint_tag",
    "prompt_version",
    "service_name",
    "error_type",
    "service_tier",
)
_IDS: Final = ("external_request_id", "response_id", "conversation_id")
_labels_of = attrgetter(*_LABELS)

_INPUT_COUNTS: Final = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
)
_OUTPUT_COUNTS: Final = ("output_tokens", "output_audio_tokens", "output_image_tokens")
_CACHED_PARTS: Final = ("input_cached_audio_tokens", "input_cached_image_tokens")
_SPARED: Final = frozenset({"reasoning_tokens", *_CACHED_PARTS})
"""Counts that are dropped alone when they are wrong: the totals beside them still hold."""
_COUNTS: Final = (*_INPUT_COUNTS, *_OUTPUT_COUNTS, *_SPARED)


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of the door.

    Attributes:
        identities: how users and tenants are stored.
        late_limit_ns: a call that started longer than this before its receipt is refused.
        clock_tolerance_ns: a start this far after the receipt is still believed.
        max_text_bytes: bytes of UTF-8 that a tag, model or id may have.
        max_count: tokens above this are no measurement.
        tenants: to whom a user's calls belong where no span says it; receivers keep it fresh.
    """

    identities: IdentityRules
    late_limit_ns: int = 31 * _DAY_NS
    clock_tolerance_ns: int = 600 * _SECOND_NS
    max_text_bytes: int = 200
    max_count: int = 1_000_000_000
    tenants: Tenants = field(default_factory=Tenants, repr=False, compare=False)
    _fit_labels: set[tuple[str | None, ...]] = field(default_factory=set, repr=False, compare=False)


def admit(call: ModelCall, rules: Admission) -> Rejection | None:
    """Make a call fit to store, in place: text, counts, time and identities by the ledger's rules.

    Returns:
        None when the call may be stored, else why it is refused for good; a refused call is not changed.
    """
    age_ns = call.received_ns - call.time_ns
    if -rules.clock_tolerance_ns <= age_ns <= rules.late_limit_ns and call.time_ns >= YEAR_2015_NS:
        call.claimed_time_ns = call.claimed_time_ns or call.time_ns  # a second admission keeps the claim
    elif (late := _place_in_time(call, rules)) is not None:
        return late
    labels = _labels_of(call)
    if labels not in rules._fit_labels:
        _fit_labels(call, labels, rules)
    # Together short and plain ASCII, each of them is.
    ids = f"{call.external_request_id}{call.response_id}{call.conversation_id}"
    if len(ids) > rules.max_text_bytes or not ids.isascii() or "\0" in ids:
        _fit_ids(call, rules.max_text_bytes)
    if call.span_response_ids:
        fitted = (fit_text(one, rules.max_text_bytes)[0] for one in call.span_response_ids)
        call.span_response_ids = tuple(fitted)
    if call.user_id is not None:
        call.user_id = _stored_identity(call, rules.identities.user(call.user_id), rules.max_text_bytes)
    if call.tenant_id is not None:
        call.tenant_id = _stored_identity(call, rules.identities.tenant(call.tenant_id), rules.max_text_bytes)
    if call.tenant_id is None and call.user_id is not None and rules.tenants:
        rules.tenants.assign(call)
    _fit_counts(call, rules.max_count)
    if not 0 <= (call.latency_us or 0) | (call.time_to_first_token_us or 0) <= _SURELY_SHORTER_US:
        _fit_durations(call)
    if call.attempt is not None or call.http_status is not None or call.reported_cost_pico_usd is not None:
        _fit_numbers(call)
    return None


def admit_sighting(sighting: UncountedSpan, rules: Admission) -> UncountedSpan:
    """A sighting as it may be stored: its tags reach calls later, so the rules for calls hold for it."""
    if not sighting.tags and sighting.call is None:
        return sighting
    call = sighting.call
    if call is not None and admit(call, rules) is not None:
        call = None
    tags = ((name, _stored_tag(name, value, rules)) for name, value in sighting.tags)
    kept = tuple((name, value) for name, value in tags if value)
    return sighting._replace(tags=kept, call=call, wrapper=sighting.wrapper and call is not None)


def admit_unread(unread: Unread, received_ns: int, rules: Admission) -> Unread | Rejection:
    """Unread usage as it may be stored: its time and texts by the rules for calls, or why it is refused."""
    call = ModelCall(time_ns=unread.time_ns, received_ns=received_ns)
    call.environment, call.service_name = unread.environment, unread.service_name
    call.trace_id, call.span_id = unread.identity[:16], unread.identity[16:24]
    refused = admit(call, rules)
    if refused is not None:
        return refused._replace(name=UNREAD)
    return unread._replace(
        time_ns=call.time_ns,
        scope=fit_text(unread.scope, rules.max_text_bytes)[0],
        version=fit_text(unread.version, rules.max_text_bytes)[0],
        keys=tuple(fit_text(key, rules.max_text_bytes)[0] for key in unread.keys),
        service_name=call.service_name or UNKNOWN,
        environment=call.environment,
    )


def _stored_tag(name: str, value: str, rules: Admission) -> str | None:
    if name == "user_id":
        return _protected(rules.identities.user(value), rules.max_text_bytes)
    if name == "tenant_id":
        return _protected(rules.identities.tenant(value), rules.max_text_bytes)
    return fit_text(value.strip(), rules.max_text_bytes)[0]


def _protected(identity: Protected, max_bytes: int) -> str | None:
    return None if identity[0] is None else fit_text(identity[0], max_bytes)[0]


def fit_text(text: str, max_bytes: int = 200) -> tuple[str, int]:
    """The text as it may be stored, and the flags of what was done to it.

    NUL and lone surrogates become U+FFFD. What is longer than `max_bytes` of UTF-8 is cut on a character
    boundary so that its last nine bytes are `~` and 8 hex digits of the SHA-256 of the whole.
    """
    if text.isascii() and len(text) <= max_bytes and "\0" not in text:
        return text, 0
    clean = _SURROGATE.sub("\ufffd", text.replace("\0", "\ufffd"))
    flags = int(Flag.TEXT_CLEANED) if clean != text else 0
    encoded = clean.encode()
    if len(encoded) <= max_bytes:
        return clean, flags
    kept = encoded[: max_bytes - _CUT_MARK_BYTES].decode(errors="ignore")
    return f"{kept}~{sha256(encoded).hexdigest()[:8]}", flags | Flag.TEXT_CUT


def _place_in_time(call: ModelCall, rules: Admission) -> Rejection | None:
    """Handles a start that is too old, impossible or missing."""
    claimed, received = call.time_ns, call.received_ns
    if YEAR_2015_NS <= claimed <= received:
        return _too_late(call, rules)
    call.claimed_time_ns = claimed
    call.time_ns = received
    if claimed:
        call.flags |= Flag.CLOCK_MOVED
    return None


def _too_late(call: ModelCall, rules: Admission) -> Rejection:
    age_days = (call.received_ns - call.time_ns) / _DAY_NS
    limit_days = rules.late_limit_ns / _DAY_NS
    detail = f"time: {age_days:.1f} days before its receipt, at most {limit_days:g} are accepted"
    return Rejection(
        call.trace_id, call.span_id, call.operation, "too_late", fit_text(detail)[0], call.report_key
    )


def _fit_labels(call: ModelCall, labels: tuple[str | None, ...], rules: Admission) -> None:
    for name, text in zip(_LABELS, labels, strict=True):
        _fit_label(call, name, text, rules.max_text_bytes)
    if _labels_of(call) == labels:
        if len(rules._fit_labels) >= _KNOWN_LABELS_LIMIT:
            rules._fit_labels.clear()
        rules._fit_labels.add(labels)


def _fit_label(call: ModelCall, name: str, text: str | None, max_bytes: int) -> None:
    if text is None:
        return
    stored, flags = fit_text(text.strip(), max_bytes)
    setattr(call, name, stored or _REQUIRED_LABELS.get(name))
    call.flags |= flags


def _fit_ids(call: ModelCall, max_bytes: int) -> None:
    for name in _IDS:
        text = getattr(call, name)
        if text is not None:
            stored, flags = fit_text(text, max_bytes)
            setattr(call, name, stored)
            call.flags |= flags


def _stored_identity(call: ModelCall, identity: Protected, max_bytes: int) -> str | None:
    stored, raw = identity
    if raw:
        call.flags |= Flag.RAW_IDENTITY
    if stored is None or (len(stored) <= max_bytes and stored.isascii() and "\0" not in stored):
        return stored
    text, flags = fit_text(stored, max_bytes)
    call.flags |= flags
    return text


def _fit_counts(call: ModelCall, max_count: int) -> None:
    # One OR of all counts tells in 0.3 µs that none is negative and none needs a closer look.
    read, write = call.cache_read_tokens or 0, call.cache_write_tokens or 0
    parts = (
        read
        | write
        | (call.cache_write_1h_tokens or 0)
        | (call.reasoning_tokens or 0)
        | (call.input_audio_tokens or 0)
        | (call.input_image_tokens or 0)
        | (call.output_audio_tokens or 0)
        | (call.output_image_tokens or 0)
        | (call.input_cached_audio_tokens or 0)
        | (call.input_cached_image_tokens or 0)
    )
    if not 0 <= parts | (call.input_tokens or 0) | (call.output_tokens or 0) <= max_count:
        _drop_absurd_counts(call, max_count)
    if parts:
        _hold_parts_to_totals(call, max_count)


def _drop_absurd_counts(call: ModelCall, max_count: int) -> None:
    for name in _COUNTS:
        count = getattr(call, name)
        if count is not None and not 0 <= count <= max_count:
            _drop(call, (name,) if name in _SPARED else _priced_with(name))


def _priced_with(name: str) -> tuple[str, ...]:
    """Counts of one side depend on each other: without one of them the price of the side is unknown."""
    if name in _INPUT_COUNTS:
        return (*_INPUT_COUNTS, *_CACHED_PARTS)
    return (*_OUTPUT_COUNTS, "reasoning_tokens")


def _hold_parts_to_totals(call: ModelCall, max_count: int) -> None:
    if call.input_tokens is not None and not _input_parts_fit(call, call.input_tokens):
        _drop(call, (*_INPUT_COUNTS, *_CACHED_PARTS))
    if not _cached_parts_fit(call):
        _drop(call, _CACHED_PARTS)
    if call.output_tokens is None:
        return
    if (call.output_audio_tokens or 0) + (call.output_image_tokens or 0) > call.output_tokens:
        _drop(call, (*_OUTPUT_COUNTS, "reasoning_tokens"))
    elif (thought := call.reasoning_tokens or 0) > call.output_tokens:
        if thought + call.output_tokens > max_count:
            _drop(call, (*_OUTPUT_COUNTS, "reasoning_tokens"))
            return
        call.output_tokens += thought  # a part cannot exceed its whole: the output was sent without it
        call.flags |= Flag.USAGE_NORMALISED


def _input_parts_fit(call: ModelCall, total: int) -> bool:
    write = call.cache_write_tokens or 0
    return (
        (call.cache_read_tokens or 0) + write <= total
        and (call.cache_write_1h_tokens or 0) <= write
        and (call.input_audio_tokens or 0) + (call.input_image_tokens or 0) <= total
    )


def _cached_parts_fit(call: ModelCall) -> bool:
    audio, image = call.input_cached_audio_tokens or 0, call.input_cached_image_tokens or 0
    return (
        audio <= (call.input_audio_tokens or 0)
        and image <= (call.input_image_tokens or 0)
        and audio + image <= (call.cache_read_tokens or 0)
    )


def _drop(call: ModelCall, names: tuple[str, ...]) -> None:
    for name in names:
        setattr(call, name, None)
    call.flags |= Flag.USAGE_INVALID


def _fit_durations(call: ModelCall) -> None:
    if not 0 <= (call.latency_us or 0) <= _LONGEST_CALL_US:
        call.latency_us = None
        call.flags |= Flag.LATENCY_UNKNOWN
    if not 0 <= (call.time_to_first_token_us or 0) <= _LONGEST_CALL_US:
        call.time_to_first_token_us = None


def _fit_numbers(call: ModelCall) -> None:
    if not 0 <= (call.reported_cost_pico_usd or 0) <= _BIGINT:
        call.reported_cost_pico_usd = None
    if not 0 <= (call.attempt or 0) <= _SMALLINT:
        call.attempt = None
    if not 100 <= (call.http_status or 100) <= 599:
        call.http_status = None
