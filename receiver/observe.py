"""How the receiver is observed: names and meanings of its counters here, the counters elsewhere.

What became of spans and reports is counted after it, by whoever consumes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

REQUESTS: Final = "requests"
"""Answered requests. Labels: transport (grpc, http), signal (traces, metrics, logs, telemetry), code
(the gRPC status name, on both transports)."""
BYTES: Final = "bytes"
"""Bytes of request bodies as they came over the wire. Label: transport."""
IGNORED: Final = "ignored"
"""Requests that were answered and thrown away on purpose. Label: signal (metrics)."""
FAULTS: Final = "faults"
"""Errors nobody expected; each was answered as retryable and logged. Labels: transport, error (type name)."""
CUT: Final = "connections_cut"
"""HTTP connections closed by a limit. Label: limit (connections, header_timeout, header_bytes)."""


class Observer(Protocol):
    """Counts what happens often, and notes why nothing is counted. Must not block and must not raise."""

    def count(self, name: str, amount: int = 1, /, **labels: str) -> None:
        """Add `amount` to the counter `name` (one of this module's constants)."""

    def note(
        self, cause: str, transport: str, *, detail: str = "", sender: str = "", service: str = ""
    ) -> None:
        """One request that ended in no counted call.

        Args:
            cause: a key of `receiver.diagnosis.causes.CAUSES`.
            transport: grpc, http, or empty.
            detail: what it was about (a path, scopes, a field); short, without content and secrets.
            sender: program and place, of `receiver.diagnosis.problems.sender_of`.
            service: `service.name`, where spans were read.
        """

    def counted(self, services: Iterable[str]) -> None:
        """Calls of these services were read: their spans without calls are no problem."""


class Silent:
    """An observer that keeps nothing."""

    def count(self, name: str, amount: int = 1, /, **labels: str) -> None:
        """Forget it."""

    def note(
        self, cause: str, transport: str, *, detail: str = "", sender: str = "", service: str = ""
    ) -> None:
        """Forget it."""

    def counted(self, services: Iterable[str]) -> None:
        """Forget it."""
