"""The prices used for charges, stored beside them, so that `explain` can recompute a cost."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from operations import query as ledger
from processor.calls.dates import ALWAYS, NEVER
from processor.pricing.book import PriceBook
from processor.pricing.vectors import PriceVector
from service.version import version

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Connection = psycopg.Connection[Any]


def register(connection: Connection, book: PriceBook) -> int:
    """The id of this price map in the ledger; a new map is written down with all its vectors."""
    query = "SELECT id FROM _genai.price_map WHERE sha256 = %s"
    known = connection.execute(query, (book.map_hash,)).fetchone()
    if known:
        return int(known[0])
    values = {
        "sha256": book.map_hash,
        "base": book.base,
        "file_sha256": book.file_sha256,
        "code_version": version(),
        "loaded_by": socket.gethostname(),
    }
    with connection.transaction():
        added = connection.execute(ledger.query("add_price_map"), values).fetchone()
        assert added is not None
        map_id = int(added[0])
        write_vectors(connection, map_id, book.every_vector().values())
    return map_id


def write_vectors(connection: Connection, map_id: int, vectors: Iterable[PriceVector]) -> None:
    """Write vectors that are not there yet; one that another map had already stays as it was written."""
    rows = Jsonb([_values(vector) for vector in vectors])
    connection.execute(ledger.query("add_price_vectors"), {"map_id": map_id, "vectors": rows})


class VectorKeeper:
    """Writes the vectors that a book hands out while it runs (aliases, tiers), each once."""

    def __init__(self, book: PriceBook, map_id: int) -> None:
        self._book = book
        self._map_id = map_id
        self._written: set[int] = set()

    @property
    def has_news(self) -> bool:
        """Whether a vector was handed out since the last `store`."""
        return len(self._book.vectors()) > len(self._written)

    def store(self, connection: Connection) -> None:
        """Write the new ones."""
        new = {id_: vector for id_, vector in list(self._book.vectors().items()) if id_ not in self._written}
        write_vectors(connection, self._map_id, new.values())
        self._written |= new.keys()


def _values(vector: PriceVector) -> dict[str, object]:
    return {
        "id": vector.id,
        "provider": vector.provider,
        "model": vector.model,
        "service_tier": vector.service_tier,
        "valid_from": _instant(vector.from_ns),
        "valid_to": _instant(vector.to_ns),
        # A tier is a vector of its own here: the count of input tokens above which this one holds.
        "threshold_tokens": vector.input_tokens_gt if vector.input_tokens_gt >= 0 else None,
        "coefficients": vector.coefficients(),
        "source": vector.source,
        "source_url": vector.source_url,
        "checked_at": vector.checked_at and vector.checked_at.isoformat(),
    }


def _instant(time_ns: int) -> str:
    if time_ns in (ALWAYS, NEVER):
        return "-infinity" if time_ns == ALWAYS else "infinity"
    return (_EPOCH + timedelta(microseconds=time_ns // 1000)).isoformat()
