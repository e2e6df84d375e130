"""A vocabulary as a user maps it: `receiver.dialects` of the configuration (docs/instrumenting.md)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

FIELDS: Final[Mapping[str, str]] = {
    **{
        name: name
        for name in (
            "input_tokens", "output_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens",
            "cache_write_5m_tokens", "cache_write_1h_tokens", "reasoning_tokens", "input_audio_tokens",
            "output_audio_tokens", "input_image_tokens", "output_image_tokens", "input_cached_audio_tokens",
            "input_cached_image_tokens", "model", "request_model", "provider",
            "response_id", "service_tier", "streaming", "error_type", "endpoint_tag", "prompt_version",
            "user_id", "tenant_id", "conversation_id", "external_request_id", "environment", "data_mode",
            "attempt",
        )
    },
    "operation": "otel_operation",
    "reported_cost_usd": "reported_cost",
    "time_to_first_token_seconds": "first_chunk_seconds",
    "time_to_first_token_ms": "first_chunk_ms",
}  # fmt: skip
"""Field as a user writes it → field of the tables (`receiver.otlp.fields`)."""

_ARROW: Final = re.compile(r"\s*(?:→|->)\s*")


def _known_field(name: str) -> str:
    if name not in FIELDS:
        near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"these are: {', '.join(FIELDS)}"
        raise ValueError(f"no such field ({hint})")
    return name


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _place(text: str) -> str:
    if not all(_ARROW.split(text.strip())):
        raise ValueError("expected an attribute, or an attribute→key inside its JSON object")
    return text.strip()


def parts_of(place: str) -> list[str]:
    """`acme.usage→input→cached` as the attribute and the keys inside its JSON object."""
    return _ARROW.split(place)


Place = Annotated[str, AfterValidator(_place)]
Places = Annotated[list[Place], BeforeValidator(_as_list), Field(min_length=1)]
FieldName = Annotated[str, AfterValidator(_known_field)]
Words = Annotated[list[str], BeforeValidator(_as_list)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CallsConfig(_Section):
    """Which spans of the vocabulary are model calls; all that is given must hold."""

    attribute: str | None = Field(None, min_length=1, description="A call has this attribute.")
    values: Words = Field([], description="And one of these values in it.")
    span_name: str | None = Field(
        None, min_length=1, description="A call's span has this name; `*` for any text."
    )

    @model_validator(mode="after")
    def _values_have_an_attribute(self) -> Self:
        if self.values and self.attribute is None:
            raise ValueError("values need an attribute")
        return self


class DialectConfig(_Section):
    """One vocabulary."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="What the calls say they were read by.")
    scope: str = Field(min_length=1, description="Instrumentation scopes that speak it; `*` for any text.")
    version: str = Field("*", min_length=1, description="Versions of the scope; `*` for any text.")
    input_includes_cache: bool | None = Field(
        None, description="Whether the input count includes the cached tokens; not given: it is not known."
    )
    calls: CallsConfig | None = Field(None, description="Which spans are calls; else those with a count.")
    fields: dict[FieldName, Places] = Field(
        description="Field → the attributes that hold it; the first wins."
    )

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if not {"input_tokens", "output_tokens"} & self.fields.keys():
            raise ValueError("fields: input_tokens or output_tokens is needed")
        return self
