"""Questions that may never be answered: a database that hangs answers neither yes nor no."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Asked(Generic[T]):
    """One question, and its answer once it is there."""

    def __init__(self, question: Callable[[], T]) -> None:
        self.begun = time.monotonic()
        self.done = threading.Event()
        self._question = question
        self._answer: list[T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._ask, name="bounded question", daemon=True).start()

    def _ask(self) -> None:
        try:
            self._answer.append(self._question())
        except BaseException as error:  # for whoever waits
            self._error = error
        finally:
            self.done.set()

    def answer(self) -> T:
        """The answer, or the error raised by the question."""
        if self._error is not None:
            raise self._error
        return self._answer[0]


class Bounded:
    """One question at a time, in a thread that nobody has to wait for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stuck: _Asked[Any] | None = None

    def ask(self, question: Callable[[], T]) -> T:
        """The answer.

        Raises:
            TimeoutError: it did not come in time, or an earlier question still waits for its own.
        """
        stuck = self._stuck
        if stuck is not None and not stuck.done.is_set():
            raise TimeoutError(f"no answer for {time.monotonic() - stuck.begun:.0f} s")
        asked = _Asked(question)
        if not asked.done.wait(self._seconds):
            self._stuck = asked
            raise TimeoutError(f"no answer for {self._seconds:.0f} s")
        return asked.answer()
