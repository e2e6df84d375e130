"""Tags that a call does not carry itself: from its ancestors here, nearest first, then from its resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from google.protobuf.message import DecodeError

from processor.call import REAL, ModelCall, Source
from processor.ranks import ROOT_LABEL, ROOT_NAME, ancestor_rank, label_rank, route_rank, workflow_rank
from processor.vocabulary import data_mode_name, environment_name
from receiver.dialects.reading import SERVER, Seen
from receiver.dialects.shapes import Plans
from receiver.dialects.table import EXPLICIT, INHERITED, RESOURCE, Origin, Values
from receiver.wire import parse_resource

MAX_DEPTH = 64
"""Ancestors looked at: no agent nests deeper, and a cycle of parents must end."""

_LANGFUSE_ENVIRONMENT = 30
_MAX_SHARED = 1024
_LANGFUSE_NAMES = ("OpenAI-", "OpenAI.", "Chat")
"""Beginnings of the names that Langfuse's integrations give a generation when the application gives none."""

_INHERITED = tuple(sorted(INHERITED - {"environment"}))
_LABELS = ("workflow", "endpoint_label", "root_label", "http_route")
BINDING = INHERITED | {"workflow", "endpoint_label", "http_route"}
"""What makes a span worth a sighting although it is no call and stands for none."""

Tags = dict[str, tuple[str, Source]]


@dataclass(slots=True)
class Home:
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

    def with_own(self, base: tuple[Source, ...]) -> tuple[Source, ...]:
        """A call's sources and this resource's; the same tuple for the same sources."""
        known = self.shared.get(id(base))
        if known is None or known[0] is not base:
            if len(self.shared) >= _MAX_SHARED:
                self.shared.clear()
            own = (self.environment[1],) if self.environment is not None else ()
            known = base, _shared((*base, *(place[1] for place in self.tags.values()), *own))
            self.shared[id(base)] = known
        return known[1]


def read_home(resource: bytes, plans: Plans) -> Home:
    """Read a Resource; one that cannot be read says nothing."""
    try:
        attributes_of = parse_resource(resource).attributes
    except DecodeError:
        return Home()
    plan = plans.emitter(Origin("", "")).shape(attributes_of).plan
    reading = plan.read(attributes_of, [attributes_of[key] for key in plan.attributes])
    home = Home()
    for name in (*_INHERITED, "service_name", "environment"):
        value, key = reading.values.get(name), plan.key_of(reading, name)
        if value is None or key is None:
            continue
        place = str(value), Source(name, key.shown, RESOURCE)
        if name == "environment":
            home.environment, home.weak = place, key.order >= _LANGFUSE_ENVIRONMENT
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

    def __init__(self, find: Callable[[bytes, bytes], Seen | None], home: Callable[[bytes], Home]) -> None:
        self._find = find
        self._home = home
        self._lineages: dict[bytes, tuple[Seen, ...]] = {}

    def lineage(self, trace_id: bytes, parent_span_id: bytes) -> tuple[Seen, ...]:
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

    def _walk(self, trace_id: bytes, parent_span_id: bytes) -> tuple[Seen, ...]:
        found: list[Seen] = []
        parent = parent_span_id
        while parent and len(found) < MAX_DEPTH:
            span = self._find(trace_id, parent)
            if span is None or span in found:
                break
            found.append(span)
            parent = span.parent_span_id
        return tuple(found)

    def _line(self, seen: Seen) -> tuple[Seen, ...]:
        """The span's ancestors, then those of the spans that proved to be the same call."""
        line = self.lineage(seen.trace_id, seen.parent_span_id)
        for twin in seen.twins:
            line += (twin, *self.lineage(twin.trace_id, twin.parent_span_id))
        return line

    def complete(self, call: ModelCall, seen: Seen) -> None:
        """Fill what the call lacks and settle environment, data mode and label."""
        reading, plan = seen.reading, seen.plan
        home = self._home(seen.resource)
        if seen.parent_span_id:
            line = self.lineage(seen.trace_id, seen.parent_span_id)
            call.awaits_ancestor = not line or bool(line[-1].parent_span_id)
            ancestors = self._line(seen) if seen.twins else line
        else:
            ancestors = self._line(seen) if seen.twins else ()
        has_only_endpoint = plan.has_only_endpoint and (reading.is_whole or "endpoint_tag" in reading.values)
        if home.is_plain and has_only_endpoint and not ancestors and not seen.taken:
            call.environment, call.service_name = home.environment_name, home.service_name
            call.sources = home.with_own(call.sources)
        else:
            if "data_mode" in reading.values:
                call.data_mode = data_mode_name(str(reading.values["data_mode"])) or REAL
            self._look_around(call, seen, ancestors, home)
        if call.external_request_id is None:
            call.external_request_id = call.response_id or _label(call, reading.values)

    def _look_around(self, call: ModelCall, seen: Seen, ancestors: tuple[Seen, ...], home: Home) -> None:
        tags = self._tags(seen, ancestors, home)
        if "endpoint_tag" not in seen.reading.values:
            self._settle_endpoint(seen, ancestors, tags)
        environment = self._environment(seen, ancestors, home)
        if environment is not None:
            call.environment = environment_name(environment[0])
        for name, (value, _) in tags.items():
            _set(call, name, value)
        own = (environment[1],) if environment is not None else ()
        call.sources = _shared((*call.sources, *(place[1] for place in tags.values()), *own))

    def _tags(self, seen: Seen, ancestors: tuple[Seen, ...], home: Home) -> Tags:
        values = seen.reading.values
        tags: Tags = dict(seen.taken)
        offered = _offered(ancestors)
        for name in _INHERITED:
            if name in values or name in tags:
                continue
            place = offered.get(name) or home.tags.get(name)
            if place is not None:
                tags[name] = place
        if "service_name" in home.tags:
            tags["service_name"] = home.tags["service_name"]
        return tags

    def _settle_endpoint(self, seen: Seen, ancestors: tuple[Seen, ...], tags: Tags) -> None:
        """A name in place of a tag: the outermost workflow's, else what there is."""
        sent = tags.get("endpoint_tag")
        if sent is not None and sent[1].rank < RESOURCE:
            return
        place = _workflow(seen, ancestors) or sent or _fallback_endpoint(seen, ancestors)
        if place is not None:
            tags["endpoint_tag"] = place

    def _environment(self, seen: Seen, ancestors: tuple[Seen, ...], home: Home) -> tuple[str, Source] | None:
        """The application's own, then the resource's, then the span's, then Langfuse's on the resource."""
        own = seen.reading.values.get("environment")
        if own is None and home.environment is not None and not home.weak:
            return home.environment
        key = seen.plan.key_of(seen.reading, "environment")
        if isinstance(own, str) and key is not None and key.rank == EXPLICIT:
            return own, Source("environment", key.shown, EXPLICIT)
        if home.environment is not None and not home.weak:
            return home.environment
        if isinstance(own, str) and key is not None:
            return own, Source("environment", key.shown, key.rank)
        return _offered(ancestors).get("environment") or home.environment


@lru_cache(maxsize=4096)
def _shared(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """One tuple for all equal ones: storage knows a reading by the identity of its sources."""
    return sources


def _offered(ancestors: tuple[Seen, ...]) -> Tags:
    """The tags of the ancestors, each from the nearest that has it."""
    found: Tags = {}
    for distance, span in enumerate(ancestors, 1):
        for name in span.plan.inheritable:
            value, key = span.reading.values.get(name), span.plan.key_of(span.reading, name)
            if name not in found and value is not None and key is not None:
                found[name] = str(value), Source(name, key.shown, ancestor_rank(distance))
    return found


def _workflow(seen: Seen, ancestors: tuple[Seen, ...]) -> tuple[str, Source] | None:
    """Traceloop names the innermost workflow on every span; the root's is the feature that asked."""
    line = (seen, *ancestors)
    for distance in range(len(line) - 1, -1, -1):
        found = _labelled(line[distance], "workflow", workflow_rank(distance))
        if found is not None:
            return found
    return None


def _fallback_endpoint(seen: Seen, ancestors: tuple[Seen, ...]) -> tuple[str, Source] | None:
    """What is no tag: agent's or trace's name, the root's label, the server's route, the root's name."""
    line = (seen, *ancestors)
    for distance, span in enumerate(line):
        found = _labelled(span, "endpoint_label", label_rank(distance))
        if found is not None:
            return found
    root = next((span for span in line if span.is_root), None)
    found = _labelled(root, "root_label", ROOT_LABEL) if root is not None else None
    if found is not None:
        return found
    for distance, span in enumerate(line):
        if span.kind == SERVER and (found := _labelled(span, "http_route", route_rank(distance))) is not None:
            return found
    return root_name(root) if root is not None else None


def root_name(root: Seen) -> tuple[str, Source] | None:
    """The name of a root that is no call, or of a Langfuse generation that the application named itself."""
    named = root.plan.dialect == "langfuse" and not root.name.startswith(_LANGFUSE_NAMES)
    if not root.name or (root.call is not None and not named):
        return None
    return root.name, Source("endpoint_tag", "<root span name>", ROOT_NAME)


def late_tags(seen: Seen) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """What a span offers to calls below it that come in other requests: values, and attributes, by name."""
    found = {}
    for name in (*seen.plan.inheritable, *_LABELS):
        value, key = seen.reading.values.get(name), seen.plan.key_of(seen.reading, name)
        if value is not None and key is not None and (name in INHERITED or _may_label(seen, name, value)):
            found[name] = _clean(str(value)), key.shown
    if seen.is_root and (place := root_name(seen)) is not None:
        found["root_name"] = place[0], place[1].attribute
    return (
        tuple((name, value) for name, (value, _) in found.items()),
        tuple((name, attribute) for name, (_, attribute) in found.items()),
    )


def _clean(text: str) -> str:
    """Without halves of characters, which a sighting's JSON does not take."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _may_label(seen: Seen, name: str, value: object) -> bool:
    """Only a root's label and only a server's route stand in for an endpoint."""
    if name == "root_label" and not seen.is_root:
        return False
    return isinstance(value, str) and (name != "http_route" or seen.kind == SERVER)


def _labelled(span: Seen, name: str, rank: int) -> tuple[str, Source] | None:
    value = span.reading.values.get(name)
    key = span.plan.key_of(span.reading, name)
    if not isinstance(value, str) or key is None:
        return None
    return value, Source("endpoint_tag", key.shown, rank)


def _set(call: ModelCall, name: str, value: str) -> None:
    if name == "data_mode":
        call.data_mode = data_mode_name(value) or call.data_mode
    elif name == "attempt":
        call.attempt = int(value) if value.isdigit() else None
    else:
        setattr(call, name, value)
        call.request_id_given = call.request_id_given or name == "external_request_id"


def _label(call: ModelCall, values: Values) -> str:
    """Without an id of the application or the provider a label stands there that groups nothing."""
    label = values.get("request_label") or values.get("litellm_id")
    return label if isinstance(label, str) else call.span_id.hex()
