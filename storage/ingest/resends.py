"""How many calls a batch brought that were counted before: the same delivery again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg

from processor.calls.call import UNKNOWN, ModelCall
from storage.ingest.key_claims import KeyClaims
from storage.statements import query

MAX_SENDERS = 50
"""Rows of one batch: a flood of made-up service names must not become a flood of rows."""
_OTHER = "__other__"

ADD_RESENDS = query("add_resends")

Sender = tuple[str, str, str]
"""Environment, data mode, service."""


def resends(calls: Sequence[ModelCall], claims: KeyClaims) -> Counter[Sender]:
    """Resent calls by sender; a duplicate told by another span is none."""
    if all(claims.is_accepted):
        return Counter()
    found = Counter(
        (call.environment, call.data_mode, call.service_name or UNKNOWN)
        for index, call in enumerate(calls)
        if not claims.is_accepted[index] and index not in claims.twins
    )
    if len(found) <= MAX_SENDERS:
        return found
    kept = Counter(dict(found.most_common(MAX_SENDERS - 1)))
    for (environment, data_mode, service), count in found.items():
        if (environment, data_mode, service) not in kept:
            kept[environment if environment == "prod" else _OTHER, data_mode, _OTHER] += count
    return kept


def add_resends(conn: psycopg.Connection[Any], found: Counter[Sender]) -> None:
    """Add them to this minute, inside the caller's transaction."""
    if not found:
        return
    environments, data_modes, services = map(list, zip(*found, strict=True))
    conn.execute(ADD_RESENDS, (environments, data_modes, services, list(found.values())), prepare=True)
