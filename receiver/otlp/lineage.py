"""Tags that a call lacks, from its ancestors in the request, nearest first, then from its resource."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from google.protobuf.message import DecodeError

from processor.calls.call import ModelCall, Source
from processor.calls.inherit import MAX_DEPTH, Offers, Tagged, offers, set_data_mode, take
from processor.calls.merge import merged, set_request_label, take_details
from processor.calls.precedence import ROOT_NAME, WEAK_RESOURCE
from processor.calls.vocabulary import environment_name
from receiver.dialects.table import EXPLICIT, INHERITED, OFFERED, RESOURCE, Origin
from receiver.otlp.read_call import SERVER, ReadSpan
from receiver.otlp.shapes import ReadPlans
from receiver.otlp.wire import parse_resource

_LANGFUSE_ENVIRONMENT = 30
_MAX_SHARED = 1024
_LANGFUSE_NAMES = ("OpenAI-", "OpenAI.", "Chat")
"""Beginnings of the names that Langfuse's integrations give a generation when the application gives none."""

_INHERITED = tuple(sorted(INHERITED - {"environment"}))
BINDING = INHERITED | {"workflow", "endpoint_label", "http_route"}
"""What makes a span worth a sighting although it is no call and stands for none."""

Tags = dict[str, tuple[str, Source]]


@dataclass(slots=True)
class ResourceTags:
    """What a resource says about every call in it.

    Attributes:
        tags: tags and `service_name`.
        environment: from its own attributes; `weak` when only Langfuse's.
        is_plain: service and environment are all it says, as most resources.
        shared: sources of a shape → those with the resource's, so that calls share them.
    """

    tags: Tags = field(default_factory=dict)
    environment: tuple[str, Source] | None = None
    weak: bool = False
    is_plain: bool = True
    service_name: str | None = None
    environment_name: str = "prod"
    shared: dict[int, tuple[tuple[Source, ...], tuple[Source, ...]]] = field(default_factory=dict)

    @property
    def names_environment(self) -> bool:
        """Whether the resource itself says it, and not only a tool's setting that stands there."""
        return self.environment is not None and not self.weak

    def with_own(self, base: tuple[Source, ...], dialect: str) -> tuple[Source, ...]:
        """A call's sources and this resource's; the same tuple for the same sources."""
        known = self.shared.get(id(base))
        if known is None or known[0] is not base:
            if len(self.shared) >= _MAX_SHARED:
                self.shared.clear()
            own = (self.environment[1],) if self.environment is not None else ()
            known = base, _shared(dialect, (*base, *(place[1] for place in self.tags.values()), *own))
            self.shared[id(base)] = known
        return known[1]


def read_home(resource: bytes, plans: ReadPlans) -> ResourceTags:
    """Read a Resource; one that cannot be read says nothing."""
    try:
        attributes_of = parse_resource(resource).attributes
    except DecodeError:
        return ResourceTags()
    plan = plans.emitter(Origin("", "")).shape(attributes_of).plan
    reading = plan.read(attributes_of, [attributes_of[key] for key in plan.attributes])
    home = ResourceTags()
    for name in (*_INHERITED, "service_name", "environment"):
        value, key = reading.values.get(name), plan.key_of(reading, name)
        if value is None or key is None:
            continue
        place = str(value), Source(name, key.shown, RESOURCE)
        if name == "environment":
            home.weak = key.order >= _LANGFUSE_ENVIRONMENT
            home.environment = place[0], Source(name, key.shown, WEAK_RESOURCE if home.weak else RESOURCE)
        else:
            home.tags[name] = place
    home.is_plain = set(home.tags) <= {"service_name"} and not home.weak
    home.service_name = home.tags["service_name"][0] if "service_name" in home.tags else None
    home.environment_name = environment_name(home.environment[0] if home.environment else None)
    return home


class Context:
    """Completes calls of one request.

    Args:
        find: the span of given ids in this request, read; None when it is not there.
        home: what a resource says.
    """

    def __init__(
        self, find: Callable[[bytes, bytes], ReadSpan | None], home: Callable[[bytes], ResourceTags]
    ) -> None:
        self._find = find
        self._home = home
        self._lineages: dict[bytes, tuple[ReadSpan, ...]] = {}
        self._tagged: dict[int, Tagged] = {}
        self._offers: dict[bytes, Offers] = {}

    def lineage(self, trace_id: bytes, parent_span_id: bytes) -> tuple[ReadSpan, ...]:
        """The ancestors in this request, nearest first."""
        if not parent_span_id:
            return ()
        place = trace_id + parent_span_id
        known = self._lineages.get(place)
        if known is None:
            if self._find(trace_id, parent_span_id) is None:
                return ()
            known = self._lineages[place] = self._walk(trace_id, parent_span_id)
        return known

    def _walk(self, trace_id: bytes, parent_span_id: bytes) -> tuple[ReadSpan, ...]:
        found: list[ReadSpan] = []
        parent = parent_span_id
        while parent and len(found) < MAX_DEPTH:
            span = self._find(trace_id, parent)
            if span is None or span in found:
                break
            found.append(span)
            parent = span.parent_span_id
        return tuple(found)

    def complete(self, call: ModelCall, seen: ReadSpan) -> None:
        """Fill the gaps of a call reported by one span, in place, from its ancestors and its resource."""
        line = self.lineage(seen.trace_id, seen.parent_span_id) if seen.parent_span_id else ()
        if self._is_quick(call, seen, line):
            return
        offered = self._offers_of(seen.trace_id + seen.parent_span_id, line) if line else {}
        self._read_around(call, seen, offered)
        set_request_label(call, _label(seen))

    def count(self, seen: ReadSpan) -> ModelCall:
        """A call of several spans: each read with its resource, merged, tagged by their ancestors."""
        members = seen.group or (seen,)
        for member in (*members, *seen.details):
            if member.call is not None:
                self._read_around(member.call, member, {})
                set_request_label(member.call, _label(member))
        readings = [take_details(m.call, _calls(m.details)) for m in members if m.call is not None]
        call, _ = merged(readings)
        line = dict.fromkeys(a for m in members for a in self.lineage(m.trace_id, m.parent_span_id))
        take(call, offers(map(self.tagged, line)))
        call.span_response_ids = _response_ids(members)
        call.other_spans = _other_spans(seen, members)
        call.sources = _shared(call.dialect, call.sources)
        set_request_label(call, _label(seen))
        return call

    def tagged(self, seen: ReadSpan) -> Tagged:
        """What a span offers to the calls below it."""
        known = self._tagged.get(id(seen))
        if known is None:
            known = self._tagged[id(seen)] = late_tags(seen)
        return known

    def _is_quick(self, call: ModelCall, seen: ReadSpan, line: Sequence[ReadSpan]) -> bool:
        """The usual call: it says its endpoint, nothing is around it, and the resource is plain."""
        reading, plan, home = seen.reading, seen.plan, self._home(seen.resource)
        has_only_endpoint = plan.has_only_endpoint and (reading.is_whole or "endpoint_tag" in reading.values)
        if line or not home.is_plain or not has_only_endpoint:
            return False
        call.environment, call.service_name = home.environment_name, home.service_name
        call.sources = home.with_own(call.sources, call.dialect)
        if call.external_request_id is None:
            call.external_request_id = call.response_id or _label(seen)
        return True

    def _offers_of(self, place: bytes, line: Sequence[ReadSpan]) -> Offers:
        """The offers of a line, worked out once for all calls below it."""
        known = self._offers.get(place)
        if known is None:
            known = self._offers[place] = offers(map(self.tagged, line))
        return known

    def _read_around(self, call: ModelCall, seen: ReadSpan, offered: Offers) -> None:
        """The span's own tags and its resource's, then what is offered better."""
        values, home = seen.reading.values, self._home(seen.resource)
        if "data_mode" in values:
            set_data_mode(call, str(values["data_mode"]))
        found = []
        for name, (value, source) in home.tags.items():
            if name not in values or name == "service_name":
                _set(call, name, value)
                found.append(source)
        environment = _environment(seen, home)
        if environment is not None:
            call.environment = environment_name(environment[0])
            found.append(environment[1])
        if found:
            call.sources = (*call.sources, *found)
        if "endpoint_tag" not in values and (tagged := self.tagged(seen)).tags:
            take(call, offers((tagged,), start=0))
        if offered:
            take(call, offered)
        call.sources = _shared(call.dialect, call.sources)


def _calls(spans: Sequence[ReadSpan]) -> list[ModelCall]:
    return [seen.call for seen in spans if seen.call is not None]


def _response_ids(spans: Sequence[ReadSpan]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(call.response_id for call in _calls(spans) if call.response_id))


def _other_spans(counted: ReadSpan, members: Sequence[ReadSpan]) -> tuple[tuple[bytes, bytes, int], ...]:
    """What the own keys of the spans are made of that are one call with the counted one."""
    others = _calls([m for m in (*members, *counted.details) if m is not counted])
    return tuple((call.trace_id, call.span_id, call.time_ns) for call in others if call.time_ns > 0)


def _environment(seen: ReadSpan, home: ResourceTags) -> tuple[str, Source] | None:
    """The application's own, then the resource's, then the span's, then Langfuse's on the resource."""
    own, key = seen.reading.values.get("environment"), seen.plan.key_of(seen.reading, "environment")
    is_own = key is not None and (key.rank == EXPLICIT or not home.names_environment)
    if isinstance(own, str) and key is not None and is_own:
        return own, Source("environment", key.shown, key.rank)
    return home.environment


@lru_cache(maxsize=4096)
def _shared(dialect: str, sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """One tuple for all equal ones of a dialect: storage knows a reading by the identity of its sources."""
    return sources


def root_name(root: ReadSpan) -> tuple[str, Source] | None:
    """The name of a root that is no call, or of a Langfuse generation that the application named itself."""
    named = root.plan.dialect == "langfuse" and not root.name.startswith(_LANGFUSE_NAMES)
    if not root.name or (root.call is not None and not named):
        return None
    return root.name, Source("endpoint_tag", "<root span name>", ROOT_NAME)


def late_tags(seen: ReadSpan) -> Tagged:
    """What a span offers to calls below it, in this request and in others."""
    tags, attributes = {}, {}
    for name in seen.plan.offered:
        value, key = seen.reading.values.get(name), seen.plan.key_of(seen.reading, name)
        if value is not None and key is not None and (name in OFFERED or _may_label(seen, name, value)):
            tags[name], attributes[name] = _clean(str(value)), key.shown
    if seen.is_root and (place := root_name(seen)) is not None:
        tags["root_name"], attributes["root_name"] = place[0], place[1].attribute
    return Tagged(seen.span_id, tags, attributes)


def _clean(text: str) -> str:
    """Without halves of characters, which a sighting's JSON does not take."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _may_label(seen: ReadSpan, name: str, value: object) -> bool:
    """Only a root's label and only a server's route stand in for an endpoint."""
    if name == "root_label" and not seen.is_root:
        return False
    return isinstance(value, str) and (name != "http_route" or seen.kind == SERVER)


def _set(call: ModelCall, name: str, value: str) -> None:
    if name == "data_mode":
        set_data_mode(call, value)
    elif name == "attempt":
        call.attempt = int(value) if value.isdigit() else None
    else:
        setattr(call, name, value)
        call.request_id_given = call.request_id_given or name == "external_request_id"


def _label(seen: ReadSpan) -> str:
    """Without an id of the application or the provider a label stands there that groups nothing."""
    values = seen.reading.values
    label = values.get("request_label") or values.get("litellm_id")
    return label if isinstance(label, str) else seen.span_id.hex()
