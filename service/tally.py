"""Problems of senders, counted by cause and sender, bounded, and handed from workers to the service."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from receiver.diagnosis.causes import CAUSES
from service.worker_status import instant_text

_MAX_PER_CAUSE: Final = 20
"""Different senders and details kept of one cause: the rest is counted under `other senders`."""
_OTHERS: Final = "other senders"
_EVERY_INTERFACE: Final = re.compile(r"^(0\.0\.0\.0|\[::\]):")
_MAX_SERVICES: Final = 1000
_KEPT_SECONDS: Final = 24 * 3600.0
_EXCUSABLE: Final = frozenset({"no_genai", "empty"})
"""No problem of a service whose calls are counted as well: an application has other spans, too."""


class Problem(NamedTuple):
    """One cause at one sender. Texts are short and printable, without content or keys.

    Attributes:
        cause: a key of `receiver.diagnosis.causes.CAUSES`.
        requests: how often it was seen.
        first: wall clock, seconds since 1970; so is `last`.
    """

    cause: str
    transport: str
    detail: str
    sender: str
    service: str
    requests: int
    first: float
    last: float

    @property
    def key(self) -> tuple[str, ...]:
        """The identity of a problem."""
        return self[:5]

    def plus(self, other: Problem) -> Problem:
        """Both together."""
        first, last = min(self.first, other.first), max(self.last, other.last)
        return self._replace(requests=self.requests + other.requests, first=first, last=last)


class News(NamedTuple):
    """News collected since the last drain.

    Attributes:
        services: services whose calls were read, since the start.
        has_calls: calls were read since the last time.
    """

    problems: list[Problem]
    services: list[str]
    has_calls: bool

    @classmethod
    def of(cls, sent: tuple[list[list[object]], list[str], bool]) -> News:
        """News received as JSON from a worker."""
        problems, services, has_calls = sent
        return cls([Problem(*problem) for problem in problems], services, has_calls)  # type: ignore[arg-type]


class Tally:
    """Problems by cause and sender. Its memory is bounded whatever is sent."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, ...], Problem] = {}
        self._services: dict[str, None] = {}
        self._has_calls = False
        self._lock = threading.Lock()  # pages and the keeper read in other threads

    def note(
        self, cause: str, transport: str, *, detail: str = "", sender: str = "", service: str = ""
    ) -> None:
        """See `receiver.observe.Observer.note`."""
        now = time.time()
        with self._lock:
            self._add(Problem(cause, transport, detail, sender, service, 1, now, now))

    def counted(self, services: Iterable[str]) -> None:
        """See `receiver.observe.Observer.counted`."""
        self._has_calls = True
        if all(service in self._services for service in services):
            return
        with self._lock:
            if len(self._services) >= _MAX_SERVICES:
                self._services.clear()
            self._services.update(dict.fromkeys(services))

    def add(self, news: News) -> None:
        """Count in what another tally has collected."""
        if news.has_calls:
            self.counted(news.services)
        with self._lock:
            for problem in news.problems:
                self._add(problem)

    def _add(self, problem: Problem) -> None:
        known = self._problems.get(problem.key)
        if known is None and self._is_full(problem.cause):
            problem = problem._replace(detail="", sender=_OTHERS, service="")
            known = self._problems.get(problem.key)
        self._problems[problem.key] = known.plus(problem) if known else problem

    def _is_full(self, cause: str) -> bool:
        return sum(kept.cause == cause for kept in self._problems.values()) >= _MAX_PER_CAUSE

    def drain(self) -> News:
        """The news so far; the tally then forgets the problems."""
        with self._lock:
            news = News(self._unexcused(), list(self._services), self._has_calls)
            self._problems, self._has_calls = {}, False
            return news

    def listed(self) -> list[Problem]:
        """Problems of the last day, the most recent first."""
        oldest = time.time() - _KEPT_SECONDS
        with self._lock:
            self._problems = {key: kept for key, kept in self._problems.items() if kept.last > oldest}
            return sorted(self._unexcused(), key=lambda problem: problem.last, reverse=True)

    def _unexcused(self) -> list[Problem]:
        return [
            problem
            for problem in self._problems.values()
            if problem.cause not in _EXCUSABLE or problem.service not in self._services
        ]


def remedy(cause: str, endpoints: Mapping[str, str]) -> str:
    """The remedy with our addresses; `HOST` where we listen on every interface."""
    reachable = {name: _EVERY_INTERFACE.sub("HOST:", address) for name, address in endpoints.items()}
    return CAUSES[cause].remedy.format_map(reachable)


def described(problem: Problem, endpoints: Mapping[str, str]) -> dict[str, object]:
    """A problem in public names and words."""
    cause = CAUSES[problem.cause]
    return {
        "cause": problem.cause,
        "title": cause.title,
        "remedy": remedy(problem.cause, endpoints),
        "isRefused": cause.is_refused,
        "transport": problem.transport,
        "detail": problem.detail,
        "sender": problem.sender,
        "serviceName": problem.service,
        "requests": problem.requests,
        "firstSeen": instant_text(problem.first),
        "lastSeen": instant_text(problem.last),
    }
