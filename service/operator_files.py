"""The files that operators keep under review: where the configuration names them, and how each is read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from operations.operator_files import model
from operations.operator_files.model import OperatorFile, Read, read_file
from processor.alerting.budgets_file import read_budgets
from processor.alerting.owners_file import read_owners
from processor.alerting.rules_file import read_rules
from processor.calls.identity import IdentityRules
from service.config import Config
from service.identity_keys import key_file, load_identity_rules

log = logging.getLogger("spanledger")


def operator_files(config: Config, create_key: bool = False) -> tuple[tuple[str, Path | None, Read], ...]:
    """Every such file: what the database calls it, its path, and its reader.

    Args:
        create_key: make the identity key where a file names people and there is none yet.
    """
    budgets = partial(read_budgets, rules=_identity_rules(config, create_key))
    return (
        ("rules", config.alerting.rules, read_rules),
        ("owners", config.alerting.owners, read_owners),
        ("budgets", config.alerting.budgets, budgets),
    )


def _identity_rules(config: Config, create_key: bool) -> Callable[[], IdentityRules] | None:
    """How users and tenants are stored; None before the first start, when nothing is stored yet."""
    if create_key or key_file(config).exists():
        return partial(load_identity_rules, config, create_key)
    return None


def read_operator_files(config: Config) -> list[OperatorFile]:
    """All of them, read and checked; nothing is in force yet.

    Raises:
        ConfigError: with file, line and reason.
    """
    return [read_file(kind, path, read) for kind, path, read in operator_files(config, True)]


def put_in_force(connection: psycopg.Connection[Any], files: Sequence[OperatorFile]) -> None:
    """Let these versions hold from now on."""
    for file in files:
        if model.put_in_force(connection, file):
            log.info("%s.yaml is in force in the version %s", file.kind, file.sha256[:12] or "(no file)")
