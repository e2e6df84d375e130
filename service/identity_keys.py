"""The key of the identity hashes: one file, created at the first start."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from processor.calls.errors import ConfigError
from processor.calls.identity import MIN_KEY_BYTES, IdentityRules, Mode, identity_rules
from service.config import Config

_NOTE = """\
# Secret of Spanledger's identity hashes, newest first, one per line. Keep it: without it the same user gets
# another hash. To rotate, put a new line on top and leave the older ones below.
"""


def key_file(config: Config) -> Path:
    """Where the keys are."""
    return config.identity.key_file or config.data_dir / "identity.key"


def load_keys(config: Config, create: bool = True) -> list[bytes]:
    """Read the keys, newest first.

    Args:
        create: make a file with one random key when there is none and no place was configured.

    Raises:
        ConfigError: the file is not there, cannot be read, or holds no key of at least 16 bytes.
    """
    path = key_file(config)
    if not config.identity.key_file and not path.exists():
        if not create:
            raise ConfigError(
                f"{path}: no identity key there: the service creates it at its first start; name its folder "
                "with --data-dir, or the file with identity.key_file"
            )
        _create(path)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: the identity key cannot be read: {error.strerror}") from error
    keys = [line.strip() for line in lines if line.strip() and not line.startswith(b"#")]
    short = next(
        (number for number, line in enumerate(lines, 1) if 0 < len(line.strip()) < MIN_KEY_BYTES), None
    )
    if short:
        raise ConfigError(f"{path}:{short}: an identity key has at least {MIN_KEY_BYTES} bytes")
    if not keys:
        raise ConfigError(f"{path}: holds no identity key")
    return keys


def load_identity_rules(config: Config, create: bool = True) -> IdentityRules:
    """How users and tenants are stored by this configuration.

    Raises:
        ConfigError: as `load_keys`.
    """
    modes = config.identity
    return identity_rules(load_keys(config, create), Mode(modes.user), Mode(modes.tenant))


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{_NOTE}{secrets.token_hex(32)}\n")
    try:
        os.link(new, path)  # unlike a rename it never replaces the key of a process that was faster
    except FileExistsError:
        pass
    finally:
        new.unlink()
