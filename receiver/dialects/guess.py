"""A `receiver.dialects` entry for keys that no rule reads: guessed from their names, completed by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SEVERAL: Final = 5
"""Entries of a snippet: whoever has more emitters without a rule begins with these."""
_PARTS: Final[tuple[tuple[frozenset[str], str], ...]] = (
    (frozenset({"1h", "ephemeral_1h"}), "cache_write_1h_tokens"),
    (frozenset({"creation", "write", "written"}), "cache_write_tokens"),
    (frozenset({"cache", "cached"}), "cache_read_tokens"),
    (frozenset({"reasoning", "thinking", "thoughts", "thought"}), "reasoning_tokens"),
    (frozenset({"total"}), "total_tokens"),
    (frozenset({"input", "prompt", "in", "query", "sent"}), "input_tokens"),
    (frozenset({"output", "completion", "out", "candidates", "generated", "received"}), "output_tokens"),
)
"""Words of a key → the field that it most likely is; the first that matches decides."""


def field_of(key: str) -> str | None:
    """The field that a key most likely is, by its words; None if unclear."""
    words = {word.lower() for word in _WORD.findall(key)}
    if "tokens" in words or "token" in words or "usage" in words or "count" in words:
        if {"audio", "image"} & words:
            return _modal(words)
        return next((field for parts, field in _PARTS if parts & words), None)
    if re.search(r"(?i)model(?:[._]?(?:name|id))?$", key):
        return "model" if "request" not in words else "request_model"
    return "provider" if re.search(r"(?i)(?:provider|vendor|system)(?:[._]?(?:name|id))?$", key) else None


def _modal(words: set[str]) -> str | None:
    side = "output" if words & {"output", "completion", "out"} else "input"
    return f"{side}_{'audio' if 'audio' in words else 'image'}_tokens"


def mapping(scope: str, keys: Sequence[str]) -> dict[str, object]:
    """The entry for one emitter; `fields` holds what could be guessed, the first key of each field."""
    fields: dict[str, str] = {}
    for key in keys:
        field = field_of(key)
        if field is not None and "*" not in key and not key.startswith("event→"):
            fields.setdefault(field, key)
    return {"name": _name(scope), "scope": scope, "fields": fields}


def _name(scope: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", scope.lower()).strip("_")[:40] or "own"


def snippet(emitters: Iterable[tuple[str, str, Sequence[str]]]) -> str:
    """`receiver.dialects` for these (scope, version, keys), as YAML with what is left to do in comments."""
    lines = ["receiver:", "  dialects:"]
    for place, (scope, version, keys) in enumerate(emitters):
        if place == _SEVERAL:
            lines.append("    # … and more emitters: see `spanledger unread`")
            break
        entry = mapping(scope, keys)
        fields = entry["fields"]
        assert isinstance(fields, dict)
        lines += [
            f"    - name: {entry['name']}",
            f"      scope: {json.dumps(scope, ensure_ascii=False)}  # seen in version {_plain(version)}",
            "      # input_includes_cache: true or false; until you say, cached calls may be marked",
            "      fields:",
            *(f"        {field}: {json.dumps(key, ensure_ascii=False)}" for field, key in fields.items()),
            *(f"        # what is {_plain(key)}?" for key in keys if key not in fields.values()),
        ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """A sender's text inside a comment: one line, no control characters."""
    return "".join(char if char.isprintable() else " " for char in text) or "?"
