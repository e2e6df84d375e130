"""What the service writes to standard error."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from service.config import LogConfig
from service.logs import announce, configure_logging
from service.worker_status import RecentTroubles


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the root logger as pytest has it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_is_one_object_a_line_with_the_fields_of_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogConfig(format="json"), RecentTroubles(), worker=3)
    logging.getLogger("spanledger").info("first\nsecond", extra={"fields": {"cause": "no_key", "level": 7}})
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("spanledger").exception("a fault")

    said, fault = map(json.loads, capsys.readouterr().err.splitlines())
    assert (said["level"], said["logger"], said["message"]) == ("info", "spanledger", "first\nsecond")
    assert (said["worker"], said["cause"]) == (3, "no_key")
    assert said["time"].endswith("Z")
    assert "ValueError: broken" in fault["exception"]


def test_what_is_below_the_level_is_not_written_and_warnings_are_remembered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    troubles = RecentTroubles()
    configure_logging(LogConfig(level="error"), troubles)
    logging.getLogger("spanledger").info("nothing")
    logging.getLogger("spanledger").warning("a warning")
    logging.getLogger("spanledger").error("an error")

    assert capsys.readouterr().err.splitlines()[0].endswith("ERROR   spanledger: an error")
    assert [trouble["text"] for trouble in troubles.entries] == ["a warning", "an error"]


def test_the_ready_line_is_as_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    announce(LogConfig(), "ready")
    announce(LogConfig(format="json"), "ready")
    text, line = capsys.readouterr().out.splitlines()
    assert text == json.loads(line)["message"] == "ready"
