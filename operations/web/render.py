"""Templates: what all pages share, with every value escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from operations import format as words
from operations.terminal import dollars
from operations.web.parameters import WINDOWS, kept


class Service(NamedTuple):
    """The running service as shown in the head and foot of a page.

    Attributes:
        fault: why it cannot take calls now; None when it can.
        endpoints: where senders reach it, by name.
        person: who asks for the page; empty for nobody in particular.
        may_operate: may change alerts and incidents; `form_token` is what their forms must send.
        is_signed_in: by the sign-in page, so that signing out makes sense.
        grafana: address of Grafana; empty where none is configured.
    """

    version: str
    fault: str | None
    endpoints: Mapping[str, str]
    person: str = ""
    may_operate: bool = False
    form_token: str = ""
    is_signed_in: bool = False
    grafana: str = ""


def render(template: str, **values: object) -> str:
    """The page of that template: its path under `operations/`."""
    return _TEMPLATES.get_template(template).render(values)


def _plain(text: object) -> str:
    return words.printable(str(text))


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FORMATS: Sequence[tuple[str, object]] = (
    ("usd", words.usd), ("unit_usd", words.unit_usd), ("signed", words.signed), ("exactly", words.exactly),
    ("number", words.number), ("mean", words.mean), ("share", words.share), ("ratio", words.ratio),
    ("seconds", words.seconds), ("instant", words.instant), ("plain", _plain),
    ("dollars", dollars),
)  # fmt: skip
_TEMPLATES.filters.update(dict(_FORMATS))
_TEMPLATES.tests["web_address"] = lambda value: str(value).startswith(("https://", "http://"))
_TEMPLATES.globals |= {
    "meaning": words.MEANING, "classes": words.CLASSES, "span": words.span,
    "windows": WINDOWS, "kept": kept, "distance": words.distance, "scope": words.scope, "dash": words.DASH,
}  # fmt: skip
