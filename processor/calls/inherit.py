"""Tags that a call lacks: what spans around it offer, and what is taken (LEDGER §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from processor.calls.call import REAL, UNKNOWN, Flag, ModelCall, Source
from processor.calls.merge import TAGS, field_rank
from processor.calls.platforms import seller
from processor.calls.precedence import (
    OWN_LIMIT,
    RESOURCE,
    ROOT_LABEL,
    ROOT_NAME,
    UNSAID,
    ancestor_rank,
    best_ranks,
    label_rank,
    route_rank,
    workflow_rank,
)
from processor.calls.vocabulary import data_mode_name, environment_name, provider_of_model

MAX_DEPTH = 64
"""Ancestors looked at: no agent nests deeper, and a cycle of parents must end."""

ENDPOINT_NAMES: Mapping[str, Callable[[int], int]] = {
    "workflow": workflow_rank,
    "endpoint_label": label_rank,
    "root_label": lambda distance: ROOT_LABEL,
    "http_route": route_rank,
    "root_name": lambda distance: ROOT_NAME,
}
"""What stands in for an endpoint's tag: the outermost workflow's name, else the nearest agent's or trace's
name, the root's label, the nearest server's route, the root's name; with the rank by distance."""
ANCESTOR_MODEL = "ancestor_model"
"""A model that a span names for the calls below it that name none (Codex)."""
_OF_THE_MODEL = ("model", "request_model", "provider")
_MODE_UNKNOWN = int(Flag.DATA_MODE_UNKNOWN)
SOME_UNKNOWN_MODE = "?"
"""Stands for a data mode that is no known word, where the word itself is not at hand."""
_NAME_OF_RANK = {49: "workflow", 60: "endpoint_label", 70: "root_label", 71: "http_route", 79: "root_name"}


class Tagged(NamedTuple):
    """A span and what it offers to the calls below it.

    Attributes:
        tags: name → value: `TAGS`, and `ENDPOINT_NAMES`.
        attributes: name → the attribute that it was read from.
    """

    span_id: bytes
    tags: Mapping[str, str]
    attributes: Mapping[str, str]


class Offer(NamedTuple):
    """A field's value as a span around the call has it."""

    value: str | int
    source: Source
    giver: bytes


Offers = Mapping[str, Offer]
"""Field → the best offer."""


def offers(line: Iterable[Tagged], start: int = 1) -> dict[str, Offer]:
    """The best offers of a line of spans, the nearest first.

    Args:
        start: distance of the first; at 0 it is the span itself, which offers only names for its endpoint.
    """
    found: dict[str, Offer] = {}
    for distance, span in enumerate(line, start):
        for name, text in span.tags.items():
            for field, rank in _offered_for(name, distance):
                known = found.get(field)
                value = _value(field, text) if known is None or rank < known.source.rank else None
                if value is not None:
                    source = Source(field, span.attributes.get(name, name), rank)
                    found[field] = Offer(value, source, span.span_id)
    return found


@lru_cache(maxsize=1024)
def _offered_for(name: str, distance: int) -> tuple[tuple[str, int], ...]:
    """The fields that a tag is offered for, each with its rank."""
    ranked = ENDPOINT_NAMES.get(name)
    if ranked is not None:
        return (("endpoint_tag", ranked(distance)),)
    if not distance:
        return ()
    fields = _OF_THE_MODEL if name == ANCESTOR_MODEL else (name,) if name in TAGS else ()
    return tuple((field, ancestor_rank(distance)) for field in fields)


def _value(field: str, text: str) -> str | int | None:
    """The value of a field by a tag; a model's name may also name its provider."""
    if field == "environment":
        return environment_name(text)
    if field == "provider":
        return seller(None, text) or provider_of_model(text)
    if field == "attempt":
        return int(text) if text.isdigit() and len(text) < 5 else None
    return text


def take(call: ModelCall, offered: Offers) -> dict[str, Offer]:
    """Give a call what is offered better than what it has; answers what was taken. Ties stay as they are."""
    ranks = best_ranks(call.sources)
    taken = {
        name: offer for name, offer in offered.items() if offer.source.rank < field_rank(call, name, ranks)
    }
    if "model" in offered and call.model != UNKNOWN:  # its own name is the better one, whatever its rank
        taken = {name: offer for name, offer in taken.items() if name not in _OF_THE_MODEL}
    for name, offer in taken.items():
        if name == "data_mode":
            set_data_mode(call, str(offer.value))
            continue
        setattr(call, name, offer.value)
        if name == "external_request_id":
            call.request_id_given = True
    if taken:
        kept = (source for source in call.sources if source.field not in taken)
        call.sources = (*kept, *(offer.source for offer in taken.values()))
    return taken


def set_data_mode(call: ModelCall, sent: str) -> None:
    """Set a call's data mode from the word that was sent; an unknown one counts as real and is marked."""
    known = data_mode_name(sent)
    call.data_mode = known or REAL
    call.sent_data_mode = "" if known else sent
    call.flags = call.flags & ~_MODE_UNKNOWN if known else call.flags | _MODE_UNKNOWN


def sent_data_mode(call: ModelCall) -> str:
    """A word that sets the data mode of another call as this one's was set."""
    return SOME_UNKNOWN_MODE if call.flags & _MODE_UNKNOWN else call.data_mode


def tags_of(call: ModelCall) -> Tagged:
    """What a call offers to calls below it: its own tags, and the name that stands in for its endpoint."""
    tags: dict[str, str] = {}
    attributes: dict[str, str] = {}
    for source in call.sources:
        name = source.field if source.rank < OWN_LIMIT else _NAME_OF_RANK.get(source.rank, "")
        if source.field in TAGS and name and (source.rank < OWN_LIMIT or source.field == "endpoint_tag"):
            value = sent_data_mode(call) if name == "data_mode" else str(getattr(call, source.field))
            tags[name], attributes[name] = value, source.attribute
    return Tagged(call.span_id, tags, attributes)


def is_inherited(source: Source) -> bool:
    """Whether a field's source is another span: an ancestor, or a name that stands further up."""
    if source.rank < OWN_LIMIT or RESOURCE <= source.rank < UNSAID:
        return False
    if source.field in _OF_THE_MODEL:
        return source.rank < RESOURCE
    if source.field not in TAGS:
        return False
    return source.field != "endpoint_tag" or source.rank not in _NAME_OF_RANK
