"""Log lines on standard error, one for each thing a human should know: plain text or JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping

from service.config import LogConfig
from service.worker_status import RecentTroubles, instant_text

_TEXT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"
_FOREIGN = ("uvicorn", "uvicorn.error", "grpc", "asyncio", "psycopg", "psycopg.pool", "httptools")


class JsonLines(logging.Formatter):
    """One JSON object for each record: time (UTC), level, logger, message, and the record's `fields`."""

    def __init__(self, worker: int | None = None) -> None:
        """Args: worker: number of the worker process, written with every line."""
        super().__init__()
        self._more = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        exception = {"exception": self.formatException(record.exc_info)} if record.exc_info else {}
        fields = getattr(record, "fields", {})
        return json_line(
            record.levelname,
            record.name,
            record.getMessage(),
            record.created,
            self._more | fields | exception,
        )


def json_line(level: str, logger: str, message: str, at: float, more: Mapping[str, object]) -> str:
    """One line of the log as JSON; `more` never hides what every line has."""
    said = {"time": instant_text(at), "level": level.lower(), "logger": logger, "message": message}
    return json.dumps(said | {name: value for name, value in more.items() if name not in said}, default=str)


def configure_logging(config: LogConfig, troubles: RecentTroubles, worker: int | None = None) -> None:
    """Write lines as configured; may be called again. `troubles` sees warnings at any level."""
    level = logging.getLevelNamesMapping()[config.level.upper()]
    lines = logging.StreamHandler()
    lines.setLevel(level)
    lines.setFormatter(JsonLines(worker) if config.format == "json" else _text())
    logging.basicConfig(level=min(level, logging.WARNING), handlers=[lines, troubles], force=True)
    # Other libraries may quote what they were given; ours speak for them.
    for name in _FOREIGN:
        logging.getLogger(name).setLevel(logging.WARNING)


def announce(config: LogConfig, message: str) -> None:
    """The line on standard output that says that we are ready."""
    line = json_line("info", "spanledger", message, time.time(), {}) if config.format == "json" else message
    print(line, file=sys.stdout, flush=True)


def _text() -> logging.Formatter:
    formatter = logging.Formatter(_TEXT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    return formatter
