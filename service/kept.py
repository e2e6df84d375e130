"""A connection that is kept between uses: opening one costs more than most of what is asked over it."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]


class KeptConnection:
    """One connection, opened at its first use and again when it was lost. One thread uses it at a time."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """Nothing is opened yet.

        Args:
            connect: opens one, in autocommit: nothing may stay open between two uses.
        """
        self._connect = connect
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    @contextmanager
    def used(self) -> Iterator[Connection]:
        """The connection, for this block; after an error in it the next block gets a fresh one.

        Raises:
            psycopg.Error: none can be opened.
        """
        with self._lock:
            if self._connection is not None and not _is_quiet(self._connection):
                self._close()
            if self._connection is None:
                self._connection = self._connect()
            try:
                yield self._connection
            except BaseException:
                self._close()
                raise

    def close(self) -> None:
        """Close it, unless it is in use; a later use opens another one."""
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_quiet(connection: Connection) -> bool:
    """Whether a resting connection can be used; a server that ends one sends something to read."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)
