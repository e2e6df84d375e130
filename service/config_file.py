"""The configuration as people read it: what is in force and who said so, and a file to start from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml
from pydantic_core import PydanticUndefined

from service.config import Config
from service.config_page import field_of, meaning
from service.config_source import Settings, leaves

_HEAD = """\
# Spanledger: every setting with its default. Uncomment what you change; `spanledger check` reads the file.
# Name it with --config or SPANLEDGER_CONFIG. docs/configuration.md has the same list.
"""
_WIDTH = 100


class Effective(NamedTuple):
    """One setting as it is in force: its value without secrets, and where it was set."""

    name: str
    value: object
    origin: str


def effective(settings: Settings, config: Config) -> Iterator[Effective]:
    """Every setting, in the order of the documentation.

    Args:
        settings: what was read, with the origins.
        config: the same, validated.
    """
    dumped = config.model_dump(mode="json")
    for path in leaves(Config):
        value: Any = dumped
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if path == ("database", "url") and config.database.url:
            value = without_password(config.database.url.get_secret_value())
        yield Effective(".".join(path), value, _origin(settings, path))


def _origin(settings: Settings, path: tuple[str, ...]) -> str:
    """Where the setting itself was set, or an entry of it; a section above it says nothing of it."""
    named = [place for place in settings.origins if place[: len(path)] == path]
    return settings.origins[min(named, key=len)] if named else "default"


def without_password(url: str) -> str:
    """A database URL that can be shown; one that is no URL is hidden whole."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return "***"
    if not parts.scheme or "password" in parts.query:
        return "***"
    return url.replace(f":{password}@", ":***@", 1) if password else url


def commented() -> str:
    """A configuration file with every setting, its meaning and its default, all commented out."""
    return "\n".join([_HEAD, *_section(leaves(Config), ())]) + "\n"


def _section(paths: list[tuple[str, ...]], above: tuple[str, ...]) -> Iterator[str]:
    """The settings of a section, then the sections inside of it."""
    inside = [path for path in paths if path[: len(above)] == above]
    depth = len(above)
    for path in inside:
        if len(path) == depth + 1:
            yield from _setting(path)
    for name in dict.fromkeys(path[depth] for path in inside if len(path) > depth + 1):
        yield from ([""] if depth == 0 else [])
        yield f"{'  ' * depth}{name}:"
        yield from _section(inside, (*above, name))


def _setting(path: tuple[str, ...]) -> Iterator[str]:
    field, indent = field_of(Config, path), "  " * (len(path) - 1)
    for line in textwrap.wrap(meaning(path, field), _WIDTH - len(indent)):
        yield f"{indent}# {line}"
    default = "~/.local/share/spanledger" if field.default_factory else _default(path, field.default)
    yield f"{indent}#{path[-1]}: {default}".rstrip()


def _default(path: tuple[str, ...], default: object) -> str:
    if default is None or default is PydanticUndefined:
        return ""
    value: Any = Config().model_dump(mode="json")
    for key in path:
        value = value[key]
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
