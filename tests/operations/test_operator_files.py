"""Files that operators keep under review: every version that was in force stays in the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from operations.operator_files.model import OperatorFile, put_in_force, read_file
from processor.alerting.owners_file import read_owners
from processor.calls.errors import ConfigError
from tests.storage.ledger import rows

FIRST = "version: 1\nowners:\n  - {owner: platform}\n"
SECOND = FIRST.replace("platform", "payments")


def owners(tmp_path: Path, text: str) -> OperatorFile:
    path = tmp_path / "owners.yaml"
    path.write_text(text)
    return read_file("owners", path, read_owners)


def put(dsn: str, *files: OperatorFile) -> list[bool]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [put_in_force(connection, file) for file in files]


def versions(dsn: str) -> list[tuple[Any, ...]]:
    query = "SELECT sha256, text, loaded_to IS NULL FROM genai.operator_file_version ORDER BY id"
    return rows(dsn, query)


def test_each_version_is_kept_and_the_newest_is_in_force(migrated_database: str, tmp_path: Path) -> None:
    first, second = owners(tmp_path, FIRST), owners(tmp_path, SECOND)

    assert put(migrated_database, first, second, second) == [True, True, False]

    assert versions(migrated_database) == [(first.sha256, FIRST, False), (second.sha256, SECOND, True)]
    in_force = rows(
        migrated_database, "SELECT kind, content -> 'owners' -> 0 ->> 'owner' FROM genai.operator_file"
    )
    assert in_force == [("owners", "payments")]


def test_an_older_version_can_come_back(migrated_database: str, tmp_path: Path) -> None:
    first, second = owners(tmp_path, FIRST), owners(tmp_path, SECOND)
    put(migrated_database, first, second, first)
    assert [sha256 for sha256, *_ in versions(migrated_database)] == [
        first.sha256,
        second.sha256,
        first.sha256,
    ]


def test_a_file_that_is_taken_away_says_nothing_any_more(migrated_database: str, tmp_path: Path) -> None:
    none = read_file("owners", None, read_owners)
    assert put(migrated_database, none) == [False]
    put(migrated_database, owners(tmp_path, FIRST), none)
    assert versions(migrated_database)[-1] == ("", "", True)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"owners\.yaml: No such file"):
        read_file("owners", tmp_path / "owners.yaml", read_owners)
