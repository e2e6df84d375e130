"""The alert that the database does not answer: told past it, and ended even by a process started since."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from operations.alerts import document as documents
from operations.alerts.document import Json
from operations.alerts.model import Detail, Row
from processor.alerting.catalogue import BY_ID, Place

log = logging.getLogger("spanledger.alerting")

FILE: Final = "ledger-unreadable.json"
"""In the data folder while the alert is told: the database cannot keep it."""
_RULE: Final = BY_ID["ledger_unreadable"]
Tell = Callable[[Json], None]
"""Takes an alert to the channels."""


class Outage:
    """Since when the database has not answered, and what the channels heard of it."""

    def __init__(self, directory: Path, public_url: str, tell: Tell) -> None:
        self._file, self._public_url, self._tell = directory / FILE, public_url, tell
        self._failing_since: datetime | None = None
        self._told = self._kept()

    def failed(self, now: datetime) -> None:
        """The database did not answer; after two minutes of that the channels hear of it."""
        self._failing_since = self._failing_since or now
        if self._told is None and now - self._failing_since >= _RULE.pending:
            row = _row(self._failing_since, now)
            said = _detail(row, self._public_url)
            told = documents.alert(_RULE, Place.PROD, row, said, now, self._public_url)
            self._told = told
            self._keep(told)
            self._tell(told)

    def over(self, now: datetime) -> list[Json]:
        """The database answers, and the channels hear of it. The alert that was told, firing and ended."""
        self._failing_since = None
        if self._told is None:
            return []
        resolved = documents.resolved(self._told, now)
        self._tell(resolved)
        return [self._told, resolved]

    def forget(self) -> None:
        """The end is told and kept elsewhere."""
        self._told = None
        self._file.unlink(missing_ok=True)

    def _keep(self, told: Json) -> None:
        try:
            self._file.write_text(json.dumps(told))
        except OSError as error:
            log.warning("after a restart, the end of the alert on the database is not told: %s", error)

    def _kept(self) -> Json | None:
        try:
            told = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) else None


def _row(start: datetime, now: datetime) -> Row:
    seconds = (now - start) / timedelta(seconds=1)
    return Row(
        env="prod", data_mode="real", service="", endpoint="", prompt_version="", tenant="", user="",
        model="", scope="ledger", owner="", score=1, value=seconds, threshold=1, baseline=-1,
        window_from=start, window_to=now,
    )  # fmt: skip


def _detail(row: Row, public_url: str) -> Detail:
    """As `genai.alert_detail` would say it: the window since it failed, and the runbook's section."""
    milliseconds = [round(moment.timestamp() * 1000) for moment in (row.window_from, row.window_to)]
    query = (
        f"from={milliseconds[0]}&to={milliseconds[1]}&timezone=utc"
        f"&var-env={row.env}&var-data_mode={row.data_mode}&var-baseline=previous"
    )
    runbook = f"{public_url.rstrip('/')}/runbooks#{_RULE.id.replace('_', '-')}" if public_url else ""
    return Detail("", "", query, runbook)
