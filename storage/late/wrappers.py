"""Wrappers as the database knows them: those that wait for a call below them, those that were counted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import psycopg

from storage.ingest.call_keys import claimed_ms
from storage.ingest.key_claims import claim_served
from storage.ingest.uncounted import call_of
from storage.journal.stored_row import RowKey
from storage.late.groups import Part, Span
from storage.late.trace import TraceSpan
from storage.pgwire import UuidArray, uuid_array
from storage.statements import query

Connection = psycopg.Connection[Any]

FIND_PROMOTIONS, SERVE_WRAPPERS = query("find_promotions"), query("serve_wrappers")
ANY_PROMOTION = b"SELECT 1 FROM _genai.promotion LIMIT 1"


def promoted_above(conn: Connection, parts: Iterable[Part]) -> dict[Span, RowKey]:
    """The promoted wrappers above what has just come."""
    asked = {
        (part.trace, above)
        for part in parts
        for span in part.arrived
        if span in part.session.nodes
        for above in part.session.spans_above(part.session.nodes[span])
    }
    return find_promotions(conn, asked)


def find_promotions(conn: Connection, asked: Collection[Span]) -> dict[Span, RowKey]:
    """Of these spans the wrappers that were counted, with the places of their rows."""
    if not asked or conn.execute(ANY_PROMOTION).fetchone() is None:
        return {}
    return {
        (trace, span): RowKey(time_us, call)
        for trace, span, call, time_us in conn.execute(FIND_PROMOTIONS, _spans(asked), binary=True)
    }


def serve(conn: Connection, served: Mapping[Span, TraceSpan]) -> None:
    """Let wrappers wait no more; that their spans are known stays when they are forgotten."""
    if not served:
        return
    conn.execute(SERVE_WRAPPERS, _spans(served))
    nodes = ((span, node) for span, node in served.items() if node.wrapper and not node.is_half)
    waited = [(span, call_of(node.document)) for span, node in nodes if node.document is not None]
    claim_served(conn, [(*span, claimed_ms(call) * 1_000_000) for span, call in waited])


def _spans(spans: Collection[Span]) -> tuple[UuidArray, list[int]]:
    return uuid_array([trace for trace, _ in spans]), [
        int.from_bytes(s, "big", signed=True) for _, s in spans
    ]
