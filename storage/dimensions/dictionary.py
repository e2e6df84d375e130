"""Dictionaries of dimensions: from a call's texts to the ids and bytes of its row (LEDGER §21)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from struct import Struct
from typing import Any, NamedTuple, TypeVar

import psycopg

from processor.calls.call import UNKNOWN, ModelCall, Source
from storage.dimensions.cardinality import MODEL, OTHER, TENANT, USER, CardinalityLimit
from storage.ingest.call_keys import dictionary_id
from storage.ingest.call_row import STATUS, USAGE_SOURCE, Pieces
from storage.ingest.uncounted import json_text
from storage.pgwire import POSTGRES_EPOCH_US

Connection = psycopg.Connection[Any]

DAY_NS = 86_400_000_000_000
_EPOCH_DAY = POSTGRES_EPOCH_US * 1000 // DAY_NS  # 2000-01-01 in days since 1970
MAX_ENTRIES = 400_000
"""Cached entries per writer, at most about 100 MB; beyond it the caches start anew."""

_pack_kind = Struct("!iq iq ih ih").pack
_pack_booked_kind = Struct("!iq iq ih").pack
_pack_identity = Struct("!iq ih").pack
_pack_booked_identity = Struct("!iq").pack

KindKey = tuple[object, ...]
IdentityKey = tuple[int, str | None, str | None]
Texts = tuple[str, ...]
Row = tuple[object, ...]
K = TypeVar("K")
V = TypeVar("V")


class Kind(NamedTuple):
    """Shared data of calls of one series and shape on one day.

    Attributes:
        row: the fields `series_id` up to `status` of a call's row.
        posting: the fields `series_id` up to `status` of its posting, as booked.
        folded: bits of the dimensions that are booked as `__other__`.
        sources: of one such call; held, so that their id stays theirs.
    """

    row: bytes
    posting: bytes
    folded: int
    sources: tuple[Source, ...]


class Dictionary:
    """The dictionaries as one writer knows them.

    What a transaction added is cached at once; when the transaction fails, `forget` must be called.
    """

    def __init__(self, admission: CardinalityLimit, max_entries: int = MAX_ENTRIES) -> None:
        self._admission = admission
        self._max_entries = max_entries
        self.forget()

    def forget(self) -> None:
        """Drop every cached entry."""
        self._admission.forget()
        self._kinds: dict[int, dict[KindKey, Kind]] = {}
        self._identities: dict[int, dict[IdentityKey, tuple[bytes, bytes]]] = {}
        self._readings: dict[int, tuple[int, tuple[Source, ...]]] = {}
        self._stored: set[int] = set()
        self._undo: list[Callable[[], object]] = []

    def take_back(self) -> None:
        """The transaction failed: forget what it added."""
        self._admission.take_back()
        for undo in self._undo:
            undo()
        self._undo.clear()

    def settle(self) -> None:
        """After a commit: keep the caches within their bounds."""
        self._admission.settle()
        self._undo.clear()
        entries = len(self._admission) + len(self._stored) + len(self._readings)
        entries += sum(map(len, self._kinds.values())) + sum(map(len, self._identities.values()))
        if entries > self._max_entries:
            self.forget()

    def code(self, conn: Connection, calls: Sequence[ModelCall]) -> list[Pieces]:
        """Every call's dictionary fields, of its row and of its posting.

        Combinations that are new are inserted in the caller's transaction.
        """
        coded, unknown = self._known(calls)
        if unknown:
            fresh = [calls[index] for index in unknown]
            self._learn(conn, fresh)
            for index, fields in zip(unknown, self._known(fresh)[0], strict=True):
                coded[index] = fields
        return coded

    def _known(self, calls: Sequence[ModelCall]) -> tuple[list[Pieces], list[int]]:
        """The fields of every call, and the indexes of those whose combinations are not cached."""
        coded: list[Pieces] = []
        unknown: list[int] = []
        begin = end = 0
        for index, call in enumerate(calls):
            if not begin <= call.time_ns < end:
                day = call.time_ns // DAY_NS
                begin, end = day * DAY_NS, (day + 1) * DAY_NS
                kinds, identities = self._kinds.setdefault(day, {}), self._identities.setdefault(day, {})
            try:
                row, posting, folded, _ = kinds[_kind_key(call)]
                identity, booked_identity = identities[folded, call.tenant_id, call.user_id]
                coded.append(Pieces(row + identity, posting + booked_identity))
            except KeyError:
                coded.append(_UNKNOWN)
                unknown.append(index)
        return coded, unknown

    def _learn(self, conn: Connection, calls: Sequence[ModelCall]) -> None:
        """Insert the combinations of these calls that are not cached, inside the caller's transaction."""
        kinds = {(c.time_ns // DAY_NS, _kind_key(c)): c for c in calls}
        kinds = {k: c for k, c in kinds.items() if k[1] not in self._kinds[k[0]]}
        identities = {(c.time_ns // DAY_NS, c.tenant_id, c.user_id) for c in calls}
        series = {(day, _series_texts(call)) for (day, _), call in kinds.items()}
        persons = {(day, _texts(pair)) for day, *pair in identities}
        self._admission.learn(
            conn,
            [
                (day - _EPOCH_DAY, dimension, value)
                for first, combinations in ((0, series), (TENANT, persons))
                for day, texts in combinations
                for dimension, value in enumerate(texts, first)
            ],
        )
        self._learn_kinds(conn, kinds)
        self._learn_identities(conn, calls)

    def note_dialects(self, conn: Connection, calls: Iterable[ModelCall]) -> None:
        """Remember in which vocabularies services report calls (read by storage/late/alike.py)."""
        told = {(call.service_name or UNKNOWN, call.dialect) for call in calls}
        rows: dict[int, Row] = {dictionary_id("dialect", *one): one for one in told}
        _insert(conn, "service_dialect", ("text", "text"), self._unstored(rows))

    def _keep(self, cache: dict[K, V], key: K, value: V) -> None:
        """Cache an entry for as long as the transaction that stores it does not fail."""
        cache[key] = value
        self._undo.append(partial(cache.pop, key, None))

    def _unstored(self, rows: dict[int, Row]) -> list[Row]:
        """The rows that this writer has not stored before."""
        fresh = rows.keys() - self._stored
        self._stored |= fresh
        self._undo.append(partial(self._stored.difference_update, fresh))
        return [rows[row_id] for row_id in fresh]

    def _learn_kinds(self, conn: Connection, kinds: dict[tuple[int, KindKey], ModelCall]) -> None:
        rows: dict[int, Row] = {}
        folds: set[tuple[int, int, int]] = set()
        readings: dict[int, Row] = {}
        shapes: dict[int, Row] = {}
        for (day, key), call in kinds.items():
            texts = _series_texts(call)
            booked, folded = self._fold(day, 0, texts)
            series_id = _add_series(rows, texts)
            booked_id = _add_series(rows, booked)
            if folded:
                folds.add((series_id, folded, booked_id))
            shape_id, status = self._shape(readings, shapes, call), STATUS[call.status]
            row = _pack_kind(8, series_id, 8, shape_id, 2, USAGE_SOURCE[call.usage_source], 2, status)
            facet_id = dictionary_id("series", *_facet(booked))
            posting = _pack_booked_kind(8, booked_id, 8, facet_id, 2, status)
            self._keep(self._kinds[day], key, Kind(row, posting, folded, call.sources))
        _insert(conn, "series", ("bigint",) * 3 + ("text",) * 7, self._unstored(rows))
        _insert(conn, "fold", ("bigint", "smallint", "bigint"), folds)
        _insert(conn, "reading", ("bigint", "text", "jsonb"), self._unstored(readings))
        types = ("bigint", "bigint", "integer", "boolean", "boolean", *("text",) * 4)
        _insert(conn, "shape", types, self._unstored(shapes))
        self.note_dialects(conn, kinds.values())

    def _learn_identities(self, conn: Connection, calls: Sequence[ModelCall]) -> None:
        rows: dict[int, Row] = {}
        folds: set[tuple[int, int, int]] = set()
        for call in calls:
            day = call.time_ns // DAY_NS
            of_series = self._kinds[day][_kind_key(call)].folded
            key = (of_series, call.tenant_id, call.user_id)
            if key in self._identities[day]:
                continue
            texts = _texts(key[1:])
            booked, folded = self._fold(day, TENANT, texts)
            identity_id, booked_id = dictionary_id("identity", *texts), dictionary_id("identity", *booked)
            rows[identity_id] = (identity_id, *texts)
            rows[booked_id] = (booked_id, *booked)
            if folded:
                folds.add((identity_id, folded, booked_id))
            row = _pack_identity(8, identity_id, 2, of_series | folded)
            self._keep(self._identities[day], key, (row, _pack_booked_identity(8, booked_id)))
        _insert(conn, "identity", ("bigint", "text", "text"), self._unstored(rows))
        _insert(conn, "fold", ("bigint", "smallint", "bigint"), folds)

    def _shape(self, readings: dict[int, Row], shapes: dict[int, Row], call: ModelCall) -> int:
        """The id of the call's shape; the shape and its reading are added to the rows."""
        reading_id = self._reading(readings, call)
        texts = (call.operation, call.request_model, call.service_tier, call.error_type)
        rest = (call.http_status, call.streaming, call.request_id_given)
        shape_id = dictionary_id("shape", str(reading_id), json.dumps((rest, texts)))
        shapes[shape_id] = (shape_id, reading_id, *rest, *texts)
        return shape_id

    def _reading(self, new: dict[int, Row], call: ModelCall) -> int:
        known = self._readings.get(id(call.sources))
        if known is not None and known[1] is call.sources:
            return known[0]
        sources = json_text(call.sources)
        reading_id = dictionary_id("reading", call.dialect, sources)
        new[reading_id] = (reading_id, call.dialect, sources)
        self._keep(self._readings, id(call.sources), (reading_id, call.sources))
        return reading_id

    def _fold(self, day: int, first: int, texts: Texts) -> tuple[Texts, int]:
        """The texts as the rollups of that day know them, and the bits of those that are `__other__`."""
        admitted = self._admission.is_admitted
        folded = 0
        booked = list(texts)
        for place, text in enumerate(texts):
            if not admitted((day - _EPOCH_DAY, first + place, text)):
                folded |= 1 << (first + place)
                booked[place] = OTHER
        return tuple(booked), folded


_UNKNOWN = Pieces(b"", b"")


def _kind_key(call: ModelCall) -> KindKey:
    return (
        id(call.sources),
        call.environment,
        call.data_mode,
        call.service_name,
        call.endpoint_tag,
        call.prompt_version,
        call.provider,
        call.model,
        call.operation,
        call.request_model,
        call.service_tier,
        call.error_type,
        call.http_status,
        call.streaming,
        call.request_id_given,
        call.dialect,
        call.status,
        call.usage_source,
    )


def _series_texts(call: ModelCall) -> Texts:
    return _texts(
        (
            call.environment,
            call.data_mode,
            call.service_name,
            call.endpoint_tag,
            call.prompt_version,
            call.provider,
            call.model,
        )
    )


def _texts(key: Iterable[str | None]) -> Texts:
    """A missing tag is 'unknown'; '' is taken: it marks columns that a series does not distinguish."""
    return tuple(text or UNKNOWN for text in key)


def _facet(texts: Texts) -> Texts:
    environment, data_mode, _, endpoint, _, provider, model = texts
    return environment, data_mode, "", endpoint, "", provider, model


def _line(texts: Texts) -> Texts:
    environment, data_mode, _, _, _, provider, model = texts
    return environment, data_mode, "", "", "", provider, model


def _add_series(rows: dict[int, Row], texts: Texts) -> int:
    """Add a combination with its facet and its line; returns its id."""
    facet, line = _facet(texts), _line(texts)
    series_id, facet_id, line_id = (dictionary_id("series", *t) for t in (texts, facet, line))
    rows[series_id] = (series_id, facet_id, line_id, *texts)
    rows[facet_id] = (facet_id, facet_id, line_id, *facet)
    rows[line_id] = (line_id, line_id, line_id, *line)
    return series_id


def _insert(conn: Connection, table: str, types: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Insert new dictionary rows in id order (two writers then cannot wait for each other in a circle)."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:
        return
    arrays = ", ".join(f"%s::{type_}[]" for type_ in types)
    query = f"INSERT INTO _genai.{table} SELECT * FROM unnest({arrays}) ORDER BY 1 ON CONFLICT DO NOTHING"  # noqa: S608 - names are ours
    conn.execute(query.encode(), columns)


assert MODEL < TENANT < USER < 15, "dimensions are bits of a smallint"
