"""Which response ids of providers identify one call wherever they are seen."""

from __future__ import annotations

import re

MIN_CHARACTERS = 12
"""LEDGER §1: letters and digits that must remain after the leading word."""

_LEADING_WORD = re.compile(r"[A-Za-z]+[-_]")
_OTHERS = re.compile(r"[^A-Za-z0-9]+")


def is_strong_response_id(response_id: str) -> bool:
    """Whether two spans with this id are one call whatever their trace, request or service (LEDGER §1).

    After a leading word and its `-` or `_` at least 12 letters and digits must remain that are not all
    digits: `chatcmpl-9f8…` is strong, `chatcmpl-123` of a local server and a bare timestamp are not.
    """
    rest = _LEADING_WORD.sub("", response_id, count=1) if _LEADING_WORD.match(response_id) else response_id
    kept = _OTHERS.sub("", rest)
    return len(kept) >= MIN_CHARACTERS and not kept.isdigit()
