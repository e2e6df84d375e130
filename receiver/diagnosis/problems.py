"""Why nothing of a request is counted, and who sent it, in words without content or keys."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from processor.calls.call import Batch, Outcome
from processor.calls.errors import BadData, TooLarge
from receiver.auth import Forbidden, Unauthenticated, start_of_key
from receiver.diagnosis.causes import CAUSES
from receiver.status import Misdirected

_KEY: Final = re.compile(r"sl_[A-Za-z0-9_-]{8,}")
_FIELD: Final = re.compile(r"[A-Za-z0-9_.\[\]]{1,60}")
_MAX_TEXT: Final = 100


def clean(text: str) -> str:
    """A sender's text as one short printable line without keys in it."""
    hidden = _KEY.sub(lambda found: start_of_key(found[0]), text[: 2 * _MAX_TEXT])
    line = "".join(character if character.isprintable() else "?" for character in hidden)
    return line if len(line) <= _MAX_TEXT else f"{line[: _MAX_TEXT - 1]}…"


def sender_of(host: str, user_agent: str) -> str:
    """Who sent a request: the program that its user agent names first, and its place.

    A public address may be a person's and is not named.
    """
    program = clean(user_agent.strip().partition(" ")[0]) or "a client without a name"
    place = _place(host)
    return f"{program} on {place}" if place else program


def host_of_peer(peer: str) -> str:
    """The host in gRPC's name of a peer (`ipv4:127.0.0.1:53412`, `ipv6:%5B::1%5D:53412`, `unix:`)."""
    kind, _, address = peer.partition(":")
    if not kind.startswith("ip"):
        return ""  # passed on by `receiver.diagnosis.port_watch`
    return address.rpartition(":")[0].removeprefix("%5B").removesuffix("%5D").strip("[]")


def _place(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback:
        return "this machine"
    return str(address) if address.is_private else "a public address"


class Finding(NamedTuple):
    """Why something is not counted.

    Attributes:
        cause: a key of `CAUSES`.
        detail: what it was about, as the sender named it.
        service: `service.name`, where known.
    """

    cause: str
    detail: str
    service: str = ""


class Unreadable(BadData):
    """A body that could not be parsed, and why: `cause` is a key of `CAUSES`."""

    def __init__(self, error: BadData, cause: str) -> None:
        detail = str(error).removeprefix(f"{error.field}: ")
        told = "" if cause == "unreadable_body" else f"; {told_to_sender(cause)}"
        super().__init__(error.field, f"{detail}{told}")
        self.cause = cause


def told_to_sender(cause: str) -> str:
    """What the answer to a sender says about a cause; only for remedies that name no address."""
    return f"{CAUSES[cause].title}: {CAUSES[cause].remedy}"


def findings_in(batch: Batch, outcome: Outcome, nothing: str = "no_genai") -> Iterator[Finding]:
    """Why spans of an accepted request are not counted; nothing for what is as it should be.

    Args:
        nothing: the cause if none of them reports a call.
    """
    for reason in sorted({rejection.reason for rejection in outcome.rejections}):
        yield Finding("rejected_spans", reason)
    for unread in {sighting.unread for sighting in batch.sightings if sighting.unread is not None}:
        yield Finding("unread", f"{unread.scope} {unread.version}".strip(), unread.service_name)
    for service, word in {(c.service_name or "", c.sent_data_mode) for c in batch.calls if c.sent_data_mode}:
        yield Finding("unknown_data_mode", word, service)
    if outcome.duplicates and not outcome.accepted:
        yield Finding("repeated", "", batch.calls[0].service_name or "" if batch.calls else "")
    if not (batch.calls or batch.sightings or outcome.rejections):
        cause = nothing if batch.spans else "empty"
        for service, scopes in batch.origins or (("", ()),):
            yield Finding(cause, ", ".join(scopes), service)


def cause_of(error: Exception) -> tuple[str, str] | None:
    """Cause and detail of a refusal; None where the sender did nothing wrong.

    The text of a refusal may quote a value to its sender, who has it; here it would reach the log, so of bad
    data only the field is named.
    """
    match error:
        case Unauthenticated():
            return error.cause, error.hint
        case Forbidden():
            return "missing_scope", error.hint
        case Misdirected():
            return error.cause, ""
        case TooLarge():
            return "too_large", str(error)
        case Unreadable():
            return error.cause, ""
        case BadData():
            return "unreadable_body", error.field if _FIELD.fullmatch(error.field) else ""
        case _:
            return None


_SNAKE: Final = re.compile(
    rb'(?<!\\)"(resource_(?:spans|logs)|scope_(?:spans|logs)|log_records|trace_id|span_id|'
    rb'(?:start_)?time_unix_nano|string_value|int_value)"\s*:'
)
_BASE64_ID: Final = re.compile(rb'(?<!\\)"(?:traceId|trace_id)"\s*:\s*"[A-Za-z0-9+/]{22}=="')
_SCANNED_BYTES: Final = 1 << 20


def misread_json(body: bytes) -> Finding | None:
    """Why no call was read of OTLP/JSON, where its bytes show it."""
    start = body[:_SCANNED_BYTES]
    if found := _SNAKE.search(start):
        return Finding("snake_case", found[1].decode())
    return Finding("base64_ids", "traceId") if _BASE64_ID.search(start) else None


def unreadable(body: bytes, is_json: bool) -> str:
    """The cause for a body that could not be parsed, by its first bytes."""
    if body.startswith(b"\x1f\x8b"):
        return "undeclared_gzip"
    looks_like_json = body[:64].lstrip()[:1] in (b"{", b"[")
    if is_json:
        return "unreadable_body" if looks_like_json else "protobuf_as_json"
    return "json_as_protobuf" if looks_like_json else "unreadable_body"
