"""The arithmetic of usage: which parts a sender's totals leave out, as far as its own numbers show.

Anthropic and Bedrock count cached tokens beside the input, Gemini and xAI count reasoning beside the output;
an emitter passes that on, adds it up, or does either depending on its version. What the numbers of one span
prove goes before what is known of its emitter; what neither decides is left open, and marked.
"""

from __future__ import annotations

from itertools import product
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
    """Counts that the totals leave out.

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


def balance(sent: Sent, cache: str, reasoning: str) -> Balance:
    """Find what the totals of one call leave out.

    Args:
        cache: how the emitter counts cached tokens: INSIDE, OUTSIDE, WRITES_OUTSIDE or OPEN.
        reasoning: how it counts reasoning: INSIDE, OUTSIDE or OPEN.
    """
    gap = 0 if sent.total is None else sent.total - sent.input - sent.output
    inputs, outputs = _input_answers(sent), _output_answers(sent)
    known_input = _expected_cache(sent, cache) if cache else None
    known_output = _expected_reasoning(sent, reasoning) if reasoning else None
    if gap:
        return _explaining(sent, gap, list(product(inputs, outputs)), known_input, known_output)
    inputs = [known_input] if known_input is not None and known_input in inputs else inputs
    outputs = [known_output] if known_output is not None and known_output in outputs else outputs
    return Balance(inputs[0], outputs[0], len(inputs) * len(outputs) > 1)


def _input_answers(sent: Sent) -> list[int]:
    """Counts that the input may lack, likeliest first: nothing, all cached tokens, those written alone.

    No part is greater than its whole, and other counts of the input agree where they agree with any answer.
    """
    cached = sent.read + sent.write
    answers = [0] if not cached else [cached] if cached > sent.input else [0, cached]
    if sent.read and sent.write and sent.read <= sent.input:
        answers.append(sent.write)
    if sent.fresh is None and sent.whole is None and not sent.inputs:
        return answers
    return [added for added in answers if _agrees_with_inputs(sent, added)] or answers


def _output_answers(sent: Sent) -> list[int]:
    """Counts that the output may lack, likeliest first."""
    if not sent.reasoning:
        return [0]
    return [sent.reasoning] if sent.reasoning > sent.output else [0, sent.reasoning]


def _explaining(
    sent: Sent, gap: int, pairs: list[tuple[int, int]], known_input: int | None, known_output: int | None
) -> Balance:
    """The answer that makes a total what it is; a condition that none can meet means something else."""
    explained = [pair for pair in pairs if _agrees_with_total(sent, gap, pair)]
    left = explained or pairs
    left = [pair for pair in left if known_input in (None, pair[0])] or left
    left = [pair for pair in left if known_output in (None, pair[1])] or left
    return Balance(*left[0], len(left) > 1, 0 if explained else max(gap, 0))


def _agrees_with_inputs(sent: Sent, added: int) -> bool:
    """Whether the other counts of the input are the whole input or the fresh part of it."""
    whole = sent.input + added
    fresh = whole - sent.read - sent.write
    if sent.fresh not in (None, fresh) or sent.whole not in (None, whole):
        return False
    return all(count in (sent.input, whole, fresh) for count in sent.inputs)


def _agrees_with_total(sent: Sent, gap: int, pair: tuple[int, int]) -> bool:
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
