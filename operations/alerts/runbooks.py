"""The runbooks as a page: docs/runbooks.md, with an address for the section of each rule."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

from operations.web.parameters import Links
from operations.web.render import Service, render

_PLACES: Final = (
    Path(__file__).with_name("runbooks.md"),
    Path(__file__).parents[2] / "docs" / "runbooks.md",
)
"""In an installed wheel, in a checkout."""
_TO_OTHER_PAGES: Final = re.compile(r"\[([^\]]+)\]\((?!#)[^)]+\)")


def runbooks_page(links: Links, service: Service) -> str:
    """`/runbooks`: what to do when an alert speaks; `#cost-drift-endpoint` is the section of that rule."""
    return render(
        "alerts/runbooks.html",
        title="Runbooks",
        text=Markup(_html()),
        links=links,
        service=service,
        refresh=None,
    )


@cache
def text() -> str:
    """The runbooks in Markdown."""
    return next(place for place in _PLACES if place.is_file()).read_text(encoding="utf-8")


@cache
def _html() -> str:
    """The sections as HTML, each with its heading as the id; links to other documents become words."""
    markdown = MarkdownIt()
    tokens = markdown.parse(_TO_OTHER_PAGES.sub(r"\1", text()))
    for heading, words in pairwise(tokens):
        if heading.type == "heading_open" and heading.tag == "h2":
            heading.attrSet("id", words.content)
    body: str = markdown.renderer.render(tokens, markdown.options, {})
    return body
