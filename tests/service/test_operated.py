"""What an operator does with a running service, and what the machine does to it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.running import RunningService
from tests.service.test_serve import REPORT, calls, post


def test_no_code_of_the_current_directory_is_imported_by_any_process(
    migrated_database: str, tmp_path: Path
) -> None:
    for name in ("receiver", "service", "storage", "yaml", "psycopg", "httptools"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').write({name!r})")
    environment = {"PYTHONPATH": ":/nowhere"}  # an empty entry means the current directory
    with RunningService(migrated_database, workers=2, current=tmp_path, environment=environment) as service:
        assert post(service.http, REPORT)[0] == 200

    assert not (tmp_path / "imported").exists()
    assert calls(migrated_database) == 1


def test_json_lines_tell_of_a_new_sender_and_of_a_refusal(migrated_database: str) -> None:
    environment = {"SPANLEDGER_LOG__FORMAT": "json"}
    with RunningService(migrated_database, workers=2, environment=environment) as service:
        assert post(service.http, {**REPORT, "serviceName": "till"})[0] == 200
        assert post(service.http, "no report")[0] == 400
        service.stop()
        lines = [json.loads(line) for line in service.log.splitlines()]

    [greeting] = [line for line in lines if "first calls" in line["message"]]
    assert (greeting["level"], greeting["services"]) == ("info", ["till"])
    [refusal] = [line for line in lines if line.get("cause") == "protobuf_as_json"]
    assert (refusal["level"], refusal["requests"]) == ("warning", 1)
