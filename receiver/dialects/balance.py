"""The arithmetic of usage: which parts a sender's totals leave out, as far as its own numbers show.

Anthropic and Bedrock count cached tokens beside the input, Gemini and xAI count reasoning beside the output;
an emitter passes that on, adds it up, or does either depending on its version. What the numbers of one span
prove goes before what is known of its emitter; what neither decides is left open, and marked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

INSIDE: Final = "inside"
OUTSIDE: Final = "outside"
WRITES_OUTSIDE: Final = "writes outside"
OPEN: Final = ""
"""How a sender counts a part of a total: in it, beside it, the cache's writes alone beside it; not known."""


class Sent(NamedTuple):
    """The counts of one call as sent; a part that was not sent is 0.

    Attributes:
        read: input tokens read from the cache.
        write: input tokens written to the cache.
        total: input and output together, None when not sent. One that is their mere sum proves nothing, since
            many emitters compute it.
        fresh: input tokens without the cache, None when not sent.
        whole: input tokens with the cache, None when not sent.
        inputs: what else the span says of the input, under other keys.
    """

    input: int
    output: int
    read: int = 0
    write: int = 0
    reasoning: int = 0
    total: int | None = None
    fresh: int | None = None
    whole: int | None = None
    inputs: tuple[int, ...] = ()


class Balance(NamedTuple):
    """What the totals leave out.

    Attributes:
        cache: tokens to be added to the input.
        reasoning: tokens to be added to the output.
        is_open: neither arithmetic nor the emitter decides between this answer and another.
        unexplained: tokens of the total that no part accounts for.
    """

    cache: int = 0
    reasoning: int = 0
    is_open: bool = False
    unexplained: int = 0


_Pair = tuple[int, int]
"""A possible answer: tokens to be added to the input, and to the output."""


def balance(sent: Sent, cache: str, reasoning: str) -> Balance:
    """Find what the totals of one call leave out.

    Args:
        cache: how the emitter counts cached tokens: INSIDE, OUTSIDE, WRITES_OUTSIDE or OPEN.
        reasoning: how it counts reasoning: INSIDE, OUTSIDE or OPEN.
    """
    gap = 0 if sent.total is None else sent.total - sent.input - sent.output
    if not gap and _is_plain(sent):  # only the emitter can tell: the usual case, without listing the answers
        is_open = bool((not cache and (sent.read or sent.write)) or (not reasoning and sent.reasoning))
        return Balance(_expected_cache(sent, cache), _expected_reasoning(sent, reasoning), is_open)
    possible = _possible(sent)
    possible = _kept(possible, lambda pair: _agrees_with_inputs(sent, pair[0]))
    explained = [pair for pair in possible if _agrees_with_total(sent, gap, pair)] if gap else possible
    unexplained = max(gap, 0) if not explained else 0
    explained = explained or possible
    known = _kept(explained, lambda pair: pair[0] == _expected_cache(sent, cache)) if cache else explained
    known = _kept(known, lambda pair: pair[1] == _expected_reasoning(sent, reasoning)) if reasoning else known
    added = _likeliest(known, sent)
    return Balance(*added, len(known) > 1, unexplained)


def _is_plain(sent: Sent) -> bool:
    """Whether nothing says more of the input, and the parts could be inside."""
    if sent.fresh is not None or sent.whole is not None or sent.inputs:
        return False
    return sent.read + sent.write <= sent.input and sent.reasoning <= sent.output


def _possible(sent: Sent) -> list[_Pair]:
    """Every answer in which no part is greater than its whole."""
    cached = sent.read + sent.write
    caches = [cached] if cached > sent.input else [0, cached] if cached else [0]
    if sent.read and sent.write and sent.read <= sent.input:
        caches.append(sent.write)
    if sent.reasoning > sent.output:
        outputs = [sent.reasoning]
    else:
        outputs = [0, sent.reasoning] if sent.reasoning else [0]
    return [(into_input, into_output) for into_input in caches for into_output in outputs]


def _kept(pairs: list[_Pair], holds: Callable[[_Pair], bool]) -> list[_Pair]:
    """The answers that agree; all of them where none does, since then the number means something else."""
    return [pair for pair in pairs if holds(pair)] or pairs


def _agrees_with_inputs(sent: Sent, added: int) -> bool:
    """Whether the other counts of the input are the whole input or the fresh part of it."""
    whole = sent.input + added
    fresh = whole - sent.read - sent.write
    if sent.fresh not in (None, fresh) or sent.whole not in (None, whole):
        return False
    return all(count in (sent.input, whole, fresh) for count in sent.inputs)


def _agrees_with_total(sent: Sent, gap: int, pair: _Pair) -> bool:
    """Whether a total that is no mere sum is the sum of all, or the sum without the parts that it counts in.

    A part that is greater than its whole is outside whatever the total says: it may lack that part.
    """
    cached = sent.read + sent.write
    if gap < 0:
        return (pair[0] == 0 and -gap == cached) or (pair[1] == 0 and -gap == sent.reasoning)
    into_input, into_output = pair
    return (
        gap == into_input + into_output
        or (sent.reasoning > sent.output and gap == into_input)
        or (cached > sent.input and gap == into_output)
    )


def _expected_cache(sent: Sent, cache: str) -> int:
    if cache == OUTSIDE:
        return sent.read + sent.write
    return sent.write if cache == WRITES_OUTSIDE else 0


def _expected_reasoning(sent: Sent, reasoning: str) -> int:
    return sent.reasoning if reasoning == OUTSIDE else 0


def _likeliest(pairs: list[_Pair], sent: Sent) -> _Pair:
    """Of several answers the conventions' (parts inside), else all parts outside before some of them."""
    cached = sent.read + sent.write
    return min(pairs, key=lambda pair: (pair[0] not in (0, cached), pair[0] > 0, pair[1] > 0))
