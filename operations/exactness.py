"""Whether a total is only a lower bound, and why (LEDGER §14): the only rule of "at least" outside SQL.

In SQL it is `genai.at_least`.
"""

from __future__ import annotations

from collections.abc import Mapping

from operations.format import counted

DOUBTS: Mapping[str, str] = {
    "unpriced_calls": "{} without a price (`spanledger unpriced`)",
    "uncertain_calls": "{} without certain usage or price",
    "unread_spans": "{} with usage that no rule reads (`spanledger unread`)",
}
"""Count that makes a total a lower bound → its wording."""
_OF = {"unread_spans": "span"}


def at_least(unpriced_calls: int, uncertain_calls: int, unread_spans: int = 0) -> bool:
    """True when the true total is at least what is shown."""
    return unpriced_calls + uncertain_calls + unread_spans > 0


def reasons(counts: Mapping[str, int]) -> list[str]:
    """Why a total is a lower bound: `3 calls without a price (`spanledger unpriced`)`; empty when it is none.

    Args:
        counts: by the names of `DOUBTS`; a missing one is none.
    """
    found = []
    for name, text in DOUBTS.items():
        count = counts.get(name, 0)
        if count:
            found.append(text.format(counted(count, _OF.get(name, "call"))))
    return found
