"""Halves of a streamed call that arrived apart: Logfire's span, and the log with its usage."""

from __future__ import annotations

from typing import Any

import psycopg

from processor.calls.call import Flag
from storage.pgwire import timestamp_array, uuid_array
from storage.statements import query

Connection = psycopg.Connection[Any]

FIND_STREAM_LOGS, PAIR_HALVES = query("find_stream_logs"), query("pair_halves")


def pair_streams(conn: Connection) -> int:
    """Let waiting halves be one call with the nearest log, each log with one; returns how many found theirs.

    The binder then settles them as spans that one request showed to be one call.
    """
    halves: set[tuple[bytes, bytes]] = set()
    logs: set[bytes] = set()
    paired: list[tuple[bytes, int, bytes, int, bool]] = []
    for trace, span, time_us, log, has_length in conn.execute(FIND_STREAM_LOGS, binary=True):
        if (trace, span) not in halves and log not in logs:
            halves.add((trace, span))
            logs.add(log)
            paired.append((trace, int.from_bytes(span, "big", signed=True), log, time_us, has_length))
    if paired:
        traces, spans, calls, times, lengths = map(list, zip(*paired, strict=True))
        found = (uuid_array(traces), spans, uuid_array(calls), timestamp_array(times), lengths)
        conn.execute(PAIR_HALVES, (int(Flag.LATENCY_UNKNOWN), *found))
    return len(paired)
