"""What calls can be listed, compared and filtered by: one list for commands and pages."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import NamedTuple


class Dimension(NamedTuple):
    """One way to split calls.

    Attributes:
        name: as an option says it: `prompt-version`.
        sql: as the functions of `genai` take it: `prompt_version`.
        column: of a call in the views of `genai`.
        public: its key in JSON, as on the wire.
        within: the dimension that a value of this one belongs to, shown beside it in a list.
    """

    name: str
    sql: str
    column: str
    public: str
    within: str | None = None

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name.replace("-", " ")


DIMENSIONS = {
    each.name: each
    for each in (
        Dimension("endpoint", "endpoint", "endpoint_tag", "endpointTag"),
        Dimension("prompt-version", "prompt_version", "prompt_version", "promptVersion", "endpoint"),
        Dimension("model", "model", "model", "model", "provider"),
        Dimension("family", "family", "family", "family", "provider"),
        Dimension("provider", "provider", "provider", "provider"),
        Dimension("tenant", "tenant", "tenant_id", "tenantId"),
        Dimension("user", "user", "user_id", "userId", "tenant"),
        Dimension("service", "service", "service_name", "serviceName"),
    )
}
COLUMNS = {each.sql: each.column for each in DIMENSIONS.values()}
"""The column of a call that holds each dimension, by its name in SQL."""
FILTERS = tuple(name for name in DIMENSIONS if name != "family")
"""What calls can be narrowed to; a model's family is not stored."""
_OLD_NAMES = {"prompt": "prompt-version", "prompt_version": "prompt-version"}


def dimension(name: str) -> Dimension:
    """The dimension of that name.

    Raises:
        ValueError: there is none; with the nearest name and the whole list.
    """
    name = _OLD_NAMES.get(name, name)
    if name not in DIMENSIONS:
        raise ValueError(not_one_of(name, "dimension", DIMENSIONS))
    return DIMENSIONS[name]


@dataclass(frozen=True, slots=True)
class Split:
    """One dimension, or two at once."""

    parts: tuple[Dimension, ...]

    @property
    def sql(self) -> str:
        """As the functions of `genai` take it: `tenant`, `tenant,model`."""
        return ",".join(each.sql for each in self.parts)

    @property
    def name(self) -> str:
        """As an option says it."""
        return ",".join(each.name for each in self.parts)

    @property
    def title(self) -> str:
        """Its name for people."""
        return " and ".join(each.title for each in self.parts)

    def __str__(self) -> str:
        return self.name


def split(text: str) -> Split:
    """One dimension or two: `tenant`, `tenant,model`.

    Raises:
        ValueError: none or more than two, one twice, or a name that is none.
    """
    found = tuple(dimension(name.strip()) for name in text.split(","))
    if len(found) > 2:
        raise ValueError(f"expected one dimension or two, not {len(found)}")
    if len(set(found)) < len(found):
        raise ValueError(f"{found[0].name} is given twice")
    return Split(found)


def title_of(sql: str) -> str:
    """The name for people of one dimension or two, by their name in SQL."""
    return " and ".join(name.replace("_", " ") for name in sql.split(","))


def is_per_call(sql: str) -> bool:
    """Whether cost is judged per call and not per request (LEDGER §5); in SQL `genai.judged_per_call`."""
    return not {"model", "family", "provider"}.isdisjoint(sql.split(","))


def not_one_of(text: str, kind: str, known: object) -> str:
    """Why a name is refused: `'tennant' is not a dimension. Did you mean tenant? Choose from …`."""
    names = [str(name) for name in known] if isinstance(known, (dict, tuple, list)) else []
    near = difflib.get_close_matches(text, names, n=1)
    guess = f" Did you mean {near[0]}?" if near else ""
    return f"{text!r} is not a {kind}.{guess} Choose from {', '.join(names)}"
