"""Token counts of captured text, for calls whose provider's usage is missing: off unless switched on.

Needs the extra `estimate` (splintr-rs: vocabularies in the wheel, nothing is fetched). Off the ingest path:
a count takes 0.3 ms per half kilobyte. The text is counted and forgotten; nothing here keeps or logs it.

Source:
    Vocabularies differ on the same text by 0.96–1.08 (English) up to 0.84–2.3 (Arabic): a count with
    another model's vocabulary is a proxy and says so. Characters ÷ 4 has a median error of 50 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from processor.calls.call import ESTIMATED, ModelCall, Source
from processor.calls.errors import ConfigError
from processor.calls.model_ids import spellings

VOCABULARY: Final = "vocabulary"
"""Counted with the model's own vocabulary."""
PROXY: Final = "proxy"
"""Counted with another model's vocabulary, or extrapolated from the beginning of a long text."""

RANK: Final = 70
"""`processor.calls.call.Source.rank` of an estimate."""
_MARK: Final = "<estimate: "
_MAX_BYTES: Final = 256 * 1024
_PIECE: Final = 8_192
"""Characters encoded at once; the interpreter is held for some 2 ms by them."""
_PROXY_VOCABULARY: Final = "o200k_base"
_VOCABULARIES: Final[tuple[tuple[str, str], ...]] = (
    ("gpt-4o", "o200k_base"),
    ("chatgpt-4o", "o200k_base"),
    ("gpt-4.1", "o200k_base"),
    ("gpt-4.5", "o200k_base"),
    ("gpt-4", "cl100k_base"),
    ("gpt-3.5", "cl100k_base"),
    ("text-embedding-", "cl100k_base"),
    ("o1", "o200k_base"),
    ("o3", "o200k_base"),
    ("o4", "o200k_base"),
    ("gpt-5", "o200k_base"),
    ("gpt-oss", "o200k_base"),
    ("llama-3", "llama3"),
    ("llama3", "llama3"),
    ("meta-llama-3", "llama3"),
    ("meta.llama3", "llama3"),
    ("deepseek", "deepseek_v3"),
    ("mistral-large", "mistral_v3"),
    ("mistral-small", "mistral_v3"),
    ("mistral-nemo", "mistral_v3"),
    ("ministral", "mistral_v3"),
    ("qwen3", "qwen3"),
    ("gemma-3", "gemma3"),
    ("gemma3", "gemma3"),
    ("glm-4", "glm4"),
    ("kimi-k2", "kimi_k2"),
)
"""Beginning of a model id → its published vocabulary; Claude and Gemini have published none."""


class _Tokenizer(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...


class Estimate(NamedTuple):
    """A count of tokens and how good it is: `vocabulary` or `proxy`."""

    tokens: int
    quality: str
    vocabulary: str


class Estimator:
    """Counts tokens; a vocabulary is loaded (0.1 s) when first needed.

    Raises:
        ConfigError: the extra `estimate` is not installed.
    """

    def __init__(self) -> None:
        try:
            from splintr import Tokenizer
        except ImportError as error:
            raise ConfigError("token estimates need the extra `estimate` (splintr-rs)") from error
        self._load = Tokenizer.from_pretrained
        self._loaded: dict[str, _Tokenizer] = {}

    def count(self, text: str, provider: str, model: str) -> Estimate:
        """Tokens of a text. Control tokens spelled out in it (`<|endoftext|>`) are counted as text."""
        own = vocabulary_of(provider, model)
        name = own or _PROXY_VOCABULARY
        counted = text.encode("utf-8", "replace")[:_MAX_BYTES].decode("utf-8", "ignore")
        encode = self._tokenizer(name).encode_ordinary
        tokens = sum(len(encode(piece)) for piece in _pieces(counted))
        if len(counted) < len(text):
            return Estimate(-(-tokens * len(text) // len(counted)), PROXY, name)
        return Estimate(tokens, VOCABULARY if own else PROXY, name)

    def fill(self, call: ModelCall, prompt: str | None, completion: str | None) -> bool:
        """Put estimates where the call has no usage, marked as such; True when something was filled.

        A count that the provider gave is never touched, and a call that has both stays as it is.
        """
        filled = [
            self._fill(call, field, text)
            for field, text in (("input_tokens", prompt), ("output_tokens", completion))
            if text is not None and getattr(call, field) is None
        ]
        if filled:
            call.usage_source = ESTIMATED
            call.sources = (*(s for s in call.sources if s.field not in {f.field for f in filled}), *filled)
        return bool(filled)

    def _fill(self, call: ModelCall, field: str, text: str) -> Source:
        estimate = self.count(text, call.provider, call.model)
        setattr(call, field, estimate.tokens)
        return Source(field, f"{_MARK}{estimate.vocabulary}, {estimate.quality}>", RANK)

    def _tokenizer(self, name: str) -> _Tokenizer:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]


def is_own(source: Source) -> bool:
    """Whether a value is one of our estimates."""
    return source.attribute.startswith(_MARK)


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that begin with a space, as words of vocabularies do: other threads run between."""
    start = 0
    while start < len(text):
        end = start + _PIECE
        cut = text.rfind(" ", start + 1, end) if end < len(text) else end
        end = cut if cut > start else end
        yield text[start:end]
        start = end


def vocabulary_of(provider: str, model: str) -> str | None:
    """The published vocabulary of a model, None when there is none."""
    *_, spelling = spellings(provider, model)
    name = spelling.rpartition("/")[2]
    return next((vocabulary for start, vocabulary in _VOCABULARIES if name.startswith(start)), None)
