"""The errors a pipeline stage may raise, and nothing about wire codes."""

from __future__ import annotations


class PipelineError(Exception):
    """Base of every error that a receiver must answer."""


class BadData(PipelineError):
    """The request is wrong and stays wrong: never to be sent again.

    Attributes:
        field: what was wrong (`body`, `inputTokens`, `[3].dataMode`).
    """

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field


class TooLarge(BadData):
    """The body, or what it inflates to, is above the limit."""


class Retryable(PipelineError):
    """Nothing was lost and nothing was counted: send it again after `retry_after_seconds`."""

    def __init__(self, detail: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class Overloaded(Retryable):
    """The queue is full (bytes in flight)."""


class StorageUnavailable(Retryable):
    """The database cannot commit at the moment."""


class ConfigError(Exception):
    """Configuration refuses to start. The text holds the file, the line where known, and the reason."""
