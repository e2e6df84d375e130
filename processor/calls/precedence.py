"""Ranks of values by their source (LEDGER §6); smaller is better.

The same line of ancestors and the same spans of one call have the same ranks however they arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from processor.calls.call import ESTIMATED, PROVIDER, Flag, ModelCall, Source

OWN_LIMIT, RESOURCE, WEAK_RESOURCE = 20, 50, 55
"""Below the first: the span's own key. Then the resource's, and an environment that the resource only
repeats from a tool's setting."""
UNSAID, MISSING = 60, 1_000
"""A value that no source line names (a default), and no value at all."""
ROOT_LABEL, ROOT_NAME = 70, 79

MISSING_USAGE = 80
_ESTIMATED_USAGE, _LOSSY_USAGE, _PROVIDER_USAGE = 70, 40, 10
_LOSSY = int(Flag.USAGE_LOSSY | Flag.USAGE_INVALID | Flag.USAGE_AMBIGUOUS)
_STRONG_ENVIRONMENT = 5
_DEFAULTED = ("environment", "data_mode")


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


def usage_rank(call: ModelCall) -> int:
    """How good a call's token counts are.

    10 the provider's, 30 repaired by arithmetic, 40 known to have lost a part or ambiguous, 70 estimated,
    80 missing.
    """
    if call.input_tokens is None and call.output_tokens is None:
        return MISSING_USAGE
    if call.usage_source == ESTIMATED or call.flags & Flag.ESTIMATE_UNMARKED:
        return _ESTIMATED_USAGE
    if call.usage_source != PROVIDER:
        return MISSING_USAGE
    rank = _PROVIDER_USAGE
    for source in call.sources:
        if source.rank > rank and source.field in ("input_tokens", "output_tokens"):
            rank = source.rank
    return max(rank, _LOSSY_USAGE) if call.flags & _LOSSY else rank


@lru_cache(maxsize=4096)
def best_ranks(sources: tuple[Source, ...]) -> Mapping[str, int]:
    """Field → the best rank that a source gives it; calls of one shape share their sources.

    The environment that a resource names beats what a tool put on the span. One that no source names is the
    default, and so is the data mode: no value that another call could take.
    """
    ranks = dict.fromkeys(_DEFAULTED, MISSING)
    for field, _, sent_rank in sources:
        rank = _STRONG_ENVIRONMENT if field == "environment" and sent_rank == RESOURCE else sent_rank
        ranks[field] = min(rank, ranks.get(field, MISSING))
    return ranks
