"""Ranks of a tag that a call does not carry itself, by where it stands (LEDGER §6); the smaller is better.

`receiver.context` gives them inside a request and `storage.binding` between requests: the same line of
ancestors has the same ranks however its spans arrived.
"""

from __future__ import annotations

OWN_LIMIT, RESOURCE = 20, 50
"""A rank below the first is the span's own key's; the second is the resource's."""
ROOT_LABEL, ROOT_NAME = 70, 79


def ancestor_rank(distance: int) -> int:
    """20 + distance of a tag on an ancestor; the parent is at 1."""
    return min(OWN_LIMIT + distance, 39)


def workflow_rank(distance: int) -> int:
    """A workflow's name: the outermost one is the feature that asked, so the farthest is the best."""
    return max(49 - distance, 40)


def label_rank(distance: int) -> int:
    """The name of an agent or a trace: the nearest is the best; the span itself is at 0."""
    return min(60 + distance, 69)


def route_rank(distance: int) -> int:
    """The route of a server: the nearest is the best."""
    return min(71 + distance, 78)
