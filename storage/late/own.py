"""What the span of a row says itself, apart from what other spans gave its call.

The row keeps it beside a value of another span: own readings decide which spans are one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

from processor.calls.call import REAL, UNKNOWN, Flag, ModelCall, Source
from processor.calls.inherit import is_inherited, sent_data_mode, set_data_mode
from processor.calls.merge import FIELDS, USAGE, USAGE_FIELD, USAGE_FLAGS, drop_usage, take_usage
from processor.calls.precedence import MISSING_USAGE, usage_rank
from processor.calls.tenants import is_assigned
from storage.ingest.uncounted import call_document, call_of
from storage.journal.estimates import is_estimated
from storage.journal.stored_row import Row

EXTERNAL_ID = "external_request_id"
_DEFAULTS: Mapping[str, object] = {
    "provider": UNKNOWN, "model": UNKNOWN, "environment": "prod", "data_mode": REAL,
}  # fmt: skip
_NAMED = {*FIELDS} - {EXTERNAL_ID}
"""Fields of which the span's own value is kept under their names."""
_LATENCY_UNKNOWN = int(Flag.LATENCY_UNKNOWN)


def own_reading(row: Row) -> ModelCall:
    """The reading of a row's own span, without values from other spans."""
    call = without_inherited(row.call)
    gone = set(row.completed)
    if USAGE_FIELD in gone or is_estimated(call):
        drop_usage(call)
    for name in gone - {USAGE_FIELD}:
        _forget(call, name)
    call.sources = tuple(source for source in call.sources if source.field not in gone)
    if "usage" in row.own:
        take_usage(call, call_of(row.own["usage"]))
    for name in gone & _NAMED & row.own.keys():
        if name == "data_mode":
            set_data_mode(call, row.own[name])
        else:
            setattr(call, name, row.own[name])
    call.sources = (*call.sources, *(Source(*source) for source in row.own.get("sources", ())))
    if "label" in row.own:
        call.external_request_id, call.request_id_given = row.own["label"], False
    if is_assigned(call):
        _forget(call, "tenant_id")
    return call


def without_inherited(call: ModelCall) -> ModelCall:
    """A copy of a call without what spans around it gave."""
    call = copy(call)
    inherited = {source.field for source in call.sources if is_inherited(source)}
    for name in inherited:
        _forget(call, name)
    call.sources = tuple(source for source in call.sources if source.field not in inherited)
    return call


def _forget(call: ModelCall, name: str) -> None:
    setattr(call, name, _DEFAULTS.get(name))
    if name == "latency_us":
        call.flags |= _LATENCY_UNKNOWN
    elif name == "data_mode":
        call.flags &= ~int(Flag.DATA_MODE_UNKNOWN)
    elif name == EXTERNAL_ID:
        call.request_id_given = False


def own_facts(own: ModelCall, noted: Mapping[str, object]) -> dict[str, object]:
    """A span's own values where those of others are stored: the rule compares own readings."""
    facts = dict[str, object]()
    if USAGE_FIELD in noted and usage_rank(own) < MISSING_USAGE:
        usage = ModelCall(usage_source=own.usage_source, flags=own.flags & USAGE_FLAGS)
        for name in USAGE:
            setattr(usage, name, getattr(own, name))
        usage.sources = tuple(source for source in own.sources if source.field in USAGE)
        facts["usage"] = call_document(usage)
    if not own.request_id_given and not {"response_id", EXTERNAL_ID}.isdisjoint(noted):
        facts["label"] = own.external_request_id
    told = [name for name in noted if name in _NAMED and _is_told(own, name)]
    sources = [list(source) for source in own.sources if source.field in told]
    facts |= {name: sent_data_mode(own) if name == "data_mode" else getattr(own, name) for name in told}
    return facts | ({"sources": sources} if sources else {})


def _is_told(call: ModelCall, name: str) -> bool:
    return getattr(call, name) != _DEFAULTS.get(name) or any(source.field == name for source in call.sources)


def given_at_ingest(call: ModelCall, own: ModelCall) -> set[str]:
    """The fields of a row that another span of its request gave: ingest does not note who gave what."""
    given = {name for name in _NAMED if getattr(call, name) != getattr(own, name)}
    if is_assigned(call):
        given.discard("tenant_id")
    if call.request_id_given and not own.request_id_given:
        given.add(EXTERNAL_ID)
    if any(getattr(call, name) != getattr(own, name) for name in USAGE):
        given.add(USAGE_FIELD)
    return given


def note_own(row: Row, own: ModelCall) -> None:
    """Let a row that is taken back say what is its span's own, for when nothing else is left of the span."""
    row.completed = {**dict.fromkeys(given_at_ingest(row.call, own), (0, "")), **row.completed}
    row.own = own_facts(own, row.completed)
