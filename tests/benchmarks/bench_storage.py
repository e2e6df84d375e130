"""The write of one batch by itself: what client and backend spend per call, and raw COPY beside it."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg

from processor.calls.admission import Admission, admit
from processor.calls.call import Batch, ModelCall
from processor.calls.identity import identity_rules
from processor.pricing.charge import Charge, price_call
from processor.pricing.load import load_price_book
from receiver.otlp.decode import decode
from storage.ingest import key_claims as claims
from storage.ingest import writer
from storage.ingest.call_row import COLUMNS, REQUESTS, Origin, Pieces, pack_rows
from storage.ingest.writer import MAX_CALLS, Writer
from storage.pgwire import COPY_HEADER, COPY_TRAILER, NULL
from storage.postings.folder import Folder
from storage.schema.migrate import migrate
from tests.benchmarks.figure import Figure, cpu_us_per_item
from tests.benchmarks.load import SPANS_PER_REQUEST, genai_request
from tests.benchmarks.own_server import own_server

CLIENT_BUDGET_US, SERVER_BUDGET_US = 4.0, 25.0
WARM_BATCHES, BATCHES = 4, 9
STAGES = {
    "COPY_NEW_KEYS": "keys", "INSERT_KEYS": "keys", "COPY_CALLS": "rows", "COPY_POSTINGS": "postings",
    "COPY_ARRIVALS": "binder's queue",
}  # fmt: skip

Priced = tuple[Batch, list[Charge]]
Connection = psycopg.Connection[Any]


def measure() -> Iterator[Figure]:
    """On an embedded server of its own, with durable commits."""
    with own_server() as dsn:
        yield from measure_on(dsn)


def measure_on(dsn: str) -> Iterator[Figure]:
    """On this server; the backends must run on this machine."""
    migrate(dsn)
    batches = [_batch(seed) for seed in range(WARM_BATCHES + BATCHES)]
    yield from _write(dsn, batches)
    yield from _client_parts(dsn, batches[-1])
    yield from _raw_copy(dsn, batches[-1])


def _write(dsn: str, batches: Sequence[Sequence[Priced]]) -> Iterator[Figure]:
    target = Writer(dsn, folds=False)
    folder = Folder(dsn)
    conn = target._connection()
    meter, summing = _Meter(conn), _Meter(folder.connection)
    client, server, parts, wall, folds = [], [], [], [], []
    for number, batch in enumerate(batches):
        if number == WARM_BATCHES:
            meter.watch()
        calls = sum(len(b.calls) for b, _ in batch)
        begun, cpu, backend = time.perf_counter(), time.process_time(), meter.backend_us()
        (*outcomes,) = target.write(batch)
        assert sum(o.accepted for o in outcomes) == calls
        if number >= WARM_BATCHES:
            wall.append((time.perf_counter() - begun) / calls * 1e6)
            client.append((time.process_time() - cpu) / calls * 1e6)
            server.append((meter.backend_us() - backend) / calls)
            parts.append({stage: us / calls for stage, us in meter.take().items()})
        backend = summing.backend_us()
        assert folder.run() == calls
        if number >= WARM_BATCHES:
            folds.append((summing.backend_us() - backend) / calls)
    target.close()
    folder.close()
    note = f"batches of {MAX_CALLS}, the backend of one connection, from /proc"
    yield Figure("client side of the write, keys included", statistics.median(client), "µs", CLIENT_BUDGET_US)
    yield Figure(
        "database, keys and rollups included",
        statistics.median(a + b for a, b in zip(server, folds, strict=True)),
        "µs", SERVER_BUDGET_US, note=note,
    )  # fmt: skip
    yield Figure("  of it until the acknowledgement", statistics.median(server), "µs")
    yield Figure("  of it the folds, one for each batch", statistics.median(folds), "µs")
    for stage in dict.fromkeys(STAGES.values()):
        yield Figure(f"  of it {stage}", statistics.median(p.get(stage, 0.0) for p in parts), "µs")
    yield Figure("one connection, wall time per call", statistics.median(wall), "µs")


def _client_parts(dsn: str, batch: Sequence[Priced]) -> Iterator[Figure]:
    """Keys, dictionary pieces, and the row packed by hand beside psycopg's `write_row`."""
    calls = [call for b, _ in batch for call in b.calls]
    charges = [charge for _, listed in batch for charge in listed]
    target = Writer(dsn, folds=False)
    conn = target._connection()
    conn.execute("BEGIN")
    pieces = target.catalog.code(conn, calls)
    keys = claims.KeyClaims(calls).own
    pairs = list(zip(calls, charges, keys, pieces, strict=True))
    origin = Origin(NULL, NULL)  # stands for the request's own fields

    def pack() -> None:
        for call, charge, key, piece in pairs:
            pack_rows(call, charge, key, call.flags, REQUESTS[1], piece, origin, NULL)

    yield Figure("  client: keys", cpu_us_per_item(lambda: claims.KeyClaims(calls), len(calls)), "µs")
    yield Figure(
        "  client: ids of dimensions",
        cpu_us_per_item(lambda: target.catalog.code(conn, calls), len(calls)),
        "µs",
    )
    yield Figure("  client: row and posting packed by hand", cpu_us_per_item(pack, len(calls)), "µs")
    yield Figure(
        "  client: row by psycopg's write_row", _write_row_us(conn, pairs), "µs", note="the way not taken"
    )
    conn.execute("ROLLBACK")
    target.close()


def _write_row_us(conn: Connection, pairs: list[tuple[ModelCall, Charge, bytes, Pieces]]) -> float:
    """The same values through psycopg's own binary COPY, 46 columns a row."""
    types = ["int8", "timestamptz", "uuid"] + ["int8"] * 16 + ["int4"] * 16 + ["text"] * 3
    columns = ", ".join(f"c{i} {t}" for i, t in enumerate(types))
    conn.execute(f"CREATE TEMPORARY TABLE by_psycopg ({columns})".encode())
    wire_types = ["bytea" if t == "uuid" else "int8" if t == "timestamptz" else t for t in types]

    def write() -> None:
        with conn.cursor().copy(b"COPY pg_temp.by_psycopg FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(wire_types)
            for call, charge, key, _ in pairs:
                copy.write_row(
                    (
                        call.time_ns // 60_000_000_000, call.time_ns // 1000, key, 1, 2, 3, 4, 5, 6,
                        charge.cost, charge.input_cost, charge.output_cost, charge.cache_read_cost,
                        charge.cache_write_cost, charge.other_cost, charge.vector_id, call.latency_us,
                        call.time_to_first_token_us, 7, call.input_tokens, call.output_tokens,
                        call.cache_read_tokens, call.cache_write_tokens, call.cache_write_1h_tokens,
                        call.reasoning_tokens, call.input_audio_tokens, call.output_audio_tokens,
                        call.input_image_tokens, call.output_image_tokens, call.attempt, 1, 2, 3, 4,
                        call.flags,
                        call.external_request_id, call.response_id, call.conversation_id,
                    )
                )  # fmt: skip
        conn.execute("TRUNCATE pg_temp.by_psycopg")

    return cpu_us_per_item(write, len(pairs), rounds=5)


def _raw_copy(dsn: str, batch: Sequence[Priced]) -> Iterator[Figure]:
    """The limit: the same rows, packed beforehand, into a plain table without any index."""
    target = Writer(dsn)
    conn = target._connection()
    calls = [call for b, _ in batch for call in b.calls]
    charges = [charge for _, listed in batch for charge in listed]
    conn.execute("BEGIN")
    origin = Origin(b"\0\0\0\x08" + bytes(8), NULL)
    keys, coded = claims.KeyClaims(calls).own, target.catalog.code(conn, calls)
    rows = [
        pack_rows(call, charge, key, call.flags, REQUESTS[1], pieces, origin, NULL)[0]
        for call, charge, key, pieces in zip(calls, charges, keys, coded, strict=True)
    ]
    data = b"".join((COPY_HEADER, *rows, COPY_TRAILER))
    conn.execute("COMMIT")
    conn.execute("CREATE TABLE raw_copy (LIKE _genai.model_call)")
    statement = f"COPY raw_copy ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)".encode()
    meter, taken, wall = _Meter(conn), [], []
    for _ in range(BATCHES):
        begun, backend = time.perf_counter(), meter.backend_us()
        with conn.cursor().copy(statement) as copy:
            copy.write(data)
        taken.append((meter.backend_us() - backend) / len(rows))
        wall.append((time.perf_counter() - begun) / len(rows) * 1e6)
    conn.execute("DROP TABLE raw_copy")
    target.close()
    yield Figure(
        "raw COPY of the same rows, database",
        statistics.median(taken),
        "µs",
        note="no key, no index, no rollup",
    )
    yield Figure("raw COPY of the same rows, wall time", statistics.median(wall), "µs")


def _batch(seed: int) -> list[Priced]:
    """Decoded, admitted and priced requests of one full batch."""
    draw, rules, book = (
        random.Random(seed),
        Admission(identity_rules([b"a deployment key of the bench"])),
        load_price_book(),
    )
    made: list[Priced] = []
    for _ in range(MAX_CALLS // SPANS_PER_REQUEST):
        batch = decode(genai_request(draw).SerializeToString(), time.time_ns())
        assert all(admit(call, rules) is None for call in batch.calls)
        made.append((batch, [price_call(call, book) for call in batch.calls]))
    return made


class _Meter:
    """CPU of a backend, whole and by statement."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._schedule = Path(f"/proc/{conn.info.backend_pid}/schedstat")
        self._by_stage: dict[str, float] = {}

    def backend_us(self) -> float:
        """CPU µs that the backend has used."""
        return int(self._schedule.read_text().split()[0]) / 1000

    def take(self) -> dict[str, float]:
        """CPU µs by stage since the last time."""
        taken, self._by_stage = self._by_stage, {}
        return taken

    def watch(self) -> None:
        """From now on tell the statements of a batch apart."""
        names = {
            getattr(module, name): stage
            for name, stage in STAGES.items()
            for module in (writer, claims)
            if hasattr(module, name)
        }
        execute, copy = self._conn.execute, writer.copy_in

        def metered(action: Callable[..., Any], statement: object, run: Callable[[], Any]) -> Any:
            before = self.backend_us()
            result = run()
            stage = names.get(statement) if isinstance(statement, bytes) else None
            if stage:
                self._by_stage[stage] = self._by_stage.get(stage, 0.0) + self.backend_us() - before
            return result

        def metered_execute(statement: Any, *args: Any, **named: Any) -> Any:
            return metered(execute, statement, lambda: execute(statement, *args, **named))

        def metered_copy(conn: Any, statement: bytes, data: bytes | None) -> None:
            metered(copy, statement, lambda: copy(conn, statement, data))

        self._conn.execute = metered_execute  # type: ignore[method-assign,assignment]
        self._conn.pipeline = nullcontext  # type: ignore[method-assign,assignment]  # else none ends by itself
        writer.copy_in = claims.copy_in = metered_copy
