"""Model ids: one spelling for the id that a span carries, and what counts as a version of the same model.

Source:
    Model ids of the vendors' own documentation and of captured spans. A price pattern may only leave a
    version tail over (DESIGN §5): `gpt-4o-2024-08-06` is a version of `gpt-4o`, `gpt-4o-acme` is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from processor.calls.dates import ALWAYS, NEVER
from processor.calls.vocabulary import FRAMEWORKS, PROVIDERS, provider_of_model

_LIBRARY_OF: Final[dict[str, str]] = {
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "voyage_ai": "voyageai",
    "x_ai": "x-ai",
}
"""Our spelling of a provider → the price list's; the others are spelled alike."""
_OWN_MODELS_ONLY: Final = frozenset({"gcp.gemini"})
"""Providers that sell their vendor's models only, although their price list has others: Claude is on Vertex
AI, not in the Gemini API
(https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude)."""

_VENDORS_OF: Final[dict[str, frozenset[str]]] = {
    "aws.bedrock": frozenset({"amazon", "anthropic", "converse", "converse_like", "invoke"}),
    "azure.ai.inference": frozenset({"azure", "openai"}),
    "azure.ai.openai": frozenset({"azure_ai", "openai"}),
    "gcp.vertex_ai": frozenset({"anthropic", "gemini", "google", "meta", "mistralai"}),
}
"""Names that stand before a model on a cloud that sells it: `google/gemini-2.5-pro` on Vertex AI
(https://docs.cloud.google.com/vertex-ai/generative-ai/docs/start/openai), `converse/…` in LiteLLM on
Bedrock."""

_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:\d*:(?:inference-profile|foundation-model)/(?P<model>.+)"
)
_PUBLISHER: Final = re.compile(r"(?:projects/[^/]+/locations/[^/]+/)?publishers/[^/]+/models/(?P<model>.+)")
_CONTEXT_SUFFIX: Final = re.compile(r"\[\d+[km]\]$")
"""`claude-opus-4-7[1m]`: how Claude Code asks for the longer context window of the same model
(https://code.claude.com/docs/en/model-config)."""
_FINE_TUNE: Final = re.compile(r"(?P<base>ft:[^:]+):.*")
_TAIL: Final = re.compile(
    r"""
      [-@](?P<date>20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))       # -20241022 @20250514
    | [-@](?P<dashed>20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))   # -2024-08-06
    | -(?P<month>2[3-9](?:0[1-9]|1[0-2]))                                # -2411
    | -(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])                        # -0905 -05-20
    | -preview-(?:0[1-9]|1[0-2])-(?:20\d\d|0[1-9]|[12]\d|3[01])        # -preview-06-05 -preview-09-2025
    | -00\d                                                              # -001
    | -v\d{1,2}(?::\d{1,2})?                                             # -v1:0
    | :0
    | [-@](?:latest|default)
    """,
    re.VERBOSE,
)
_COMPACT_DATE: Final = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=$|-|:)")
BEDROCK_REGIONS: Final = "af|ap|apac|au|ca|eu|global|in|jp|me|sa|uk|us|us-gov"
BEDROCK_VENDORS: Final = (
    "ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|"
    "stability|twelvelabs|writer|zai"
)
_QUALIFIER: Final = re.compile(rf"(?:(?:{BEDROCK_REGIONS})\.)?(?:(?:{BEDROCK_VENDORS})\.)?")
"""Prefixes of model names on Amazon Bedrock."""


class Version(NamedTuple):
    """Where the version tail of an id begins, and the first moment it can have existed.

    Attributes:
        start: index of the tail; the id's length when it has none.
        from_ns: UTC midnight of the tail's date, or the smallest bigint without a date.
    """

    start: int
    from_ns: int


def library_provider(provider: str) -> str:
    """The price list's id of a provider in our spelling."""
    return _LIBRARY_OF.get(provider, provider)


def providers_of(library: str) -> tuple[str, ...]:
    """Our spellings of a provider of the price list: one, or several for a list that covers several."""
    return tuple(ours for ours, theirs in _LIBRARY_OF.items() if theirs == library) or (library,)


def sells(provider: str, name: str) -> bool:
    """False where a provider has its vendor's models only and the name is another vendor's."""
    return provider not in _OWN_MODELS_ONLY or provider_of_model(name) in (None, provider)


def spellings(provider: str, model: str) -> Iterator[str]:
    """The ways to look a model up: as sent, then without context suffix, path, ARN and provider prefix."""
    name = model.strip().lower()
    yield name
    bare = _without_path(_CONTEXT_SUFFIX.sub("", name))
    if bare != name:
        yield bare
    head, rest = _prefix(bare)
    while rest and _sells_for(provider, head):
        yield rest
        head, rest = _prefix(rest)


def _prefix(name: str) -> tuple[str, str]:
    """What stands before the first `/` of an id, or before its first `:` (`openai:gpt-4o`), and the rest."""
    head, slash, rest = name.partition("/")
    if slash:
        return head, rest
    head, _, rest = name.partition(":")
    return (head, rest) if head in PROVIDERS else (name, "")


def _sells_for(provider: str, head: str) -> bool:
    """Whether a prefix says no more than the provider does: its own name, a gateway's, or its vendor's."""
    return PROVIDERS.get(head) == provider or head in FRAMEWORKS or head in _VENDORS_OF.get(provider, ())


def _without_path(name: str) -> str:
    found = _ARN.fullmatch(name) or _PUBLISHER.fullmatch(name)
    return found["model"] if found else name.removeprefix("models/")


def unqualified(name: str) -> str:
    """The id without directory and what Bedrock and the price list put before it: `global.anthropic.`."""
    base = name.rpartition("/")[2]
    for word in ("global.", "regional."):
        base = base.removeprefix(word)
    found = _QUALIFIER.match(base)
    return base[found.end() :] if found else base


def fine_tune_base(name: str) -> str:
    """`ft:gpt-4o-2024-08-06` of `ft:gpt-4o-2024-08-06:acme::id`; other ids unchanged."""
    found = _FINE_TUNE.fullmatch(name)
    return found["base"] if found else name


def version_of(name: str) -> Version:
    """The longest version tail of an id, with the latest date in it."""
    for start in range(1, len(name)):
        if name[start] in "-@:" and (tail := _read_tail(name, start)):
            return tail
    return Version(len(name), ALWAYS)


def _read_tail(name: str, start: int) -> Version | None:
    position, from_ns = start, ALWAYS
    while position < len(name):
        found = _TAIL.match(name, position)
        if found is None:
            return None
        position, from_ns = found.end(), max(from_ns, _first_moment(found))
    return Version(start, from_ns)


def _first_moment(tail: re.Match[str]) -> int:
    digits = (tail["date"] or tail["dashed"] or "").replace("-", "")
    if tail["month"]:
        digits = f"20{tail['month']}01"
    if not digits:
        return ALWAYS
    try:
        day = datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:  # 31 February
        return NEVER
    return int(day.timestamp()) * 10**9


def dashed_date(name: str) -> str:
    """The id with a compact date written with dashes (gateways write `gpt-5.2-20251211`)."""
    return _COMPACT_DATE.sub(r"-\1-\2-\3", name)


def is_version(name: str, literal: str, version: Version) -> bool:
    """Whether an id is a literal of the price list with at most a qualifier before and a version after it."""
    at = name.find(literal)
    if at < 0 or _QUALIFIER.fullmatch(name, 0, at) is None:
        return False
    return version.start <= at + len(literal)
