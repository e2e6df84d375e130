"""The documentation: its examples parse, its links lead somewhere, and what it cites exists."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from configparser import ConfigParser
from functools import cache

import pytest
import yaml

from tests.test_repository import ROOT, makefile_targets, texts

PAGES = sorted(name for name in texts() if name.endswith(".md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
UNCHECKED = {"js", "sql", "text", "csv", "proto", "console"}
"""Languages that are executed elsewhere or cannot fail to parse."""
RULE_BOOKS = {"LEDGER": "docs/internals/counting-rules.md", "DESIGN": "docs/internals/design.md"}
"""What comments call a page of numbered rules → the page."""
RULE = re.compile(r"(LEDGER|DESIGN) (§\d+(?:(?:, |–| and )§?\d+)*)")
STUMBLES = re.compile(r"\b(dear(er|est)|nobody|anybody|for ever|of ours|any more)\b", re.IGNORECASE)
"""Words that a native reader stumbles over: most expensive, costlier, no one, permanently, our, no longer."""
SENTENCE = (
    "Spanledger turns the OpenTelemetry spans your LLM calls already emit into an exact cost ledger, and "
    "leads from a Grafana alert to the prompt version, endpoint or tenant behind it."
)


def snippets() -> list[tuple[str, str, str]]:
    """Every example that names its language: (page, language, text)."""
    return [(page, language, body) for page in PAGES for language, body in FENCE.findall(texts()[page])]


@cache
def rules(page: str) -> frozenset[int]:
    """The section numbers of a page of rules."""
    return frozenset(int(number) for number in re.findall(r"^## (\d+) ", texts()[page], re.MULTILINE))


def cited(text: str) -> list[tuple[str, int]]:
    """Every (page, number) that a text cites, as in LEDGER §2, §3 and §21."""
    return [
        (RULE_BOOKS[book], int(number))
        for book, numbers in RULE.findall(text)
        for number in re.findall(r"\d+", numbers)
    ]


@cache
def contract() -> set[str]:
    """The views, functions and tables of schema genai."""
    sql = "\n".join(
        text for name, text in texts().items() if name.startswith("storage/") and name.endswith(".sql")
    )
    return set(
        re.findall(r"CREATE (?:OR REPLACE )?(?:VIEW|FUNCTION|TABLE|TYPE) genai\.(\w+)", sql, re.IGNORECASE)
    )


def test_every_rule_that_is_cited_exists() -> None:
    citing = {name: cited(text) for name, text in texts().items() if not name.endswith((".lock", ".json"))}
    assert sum(map(len, citing.values())) > 50
    assert {
        name: rule for name, found in citing.items() for rule in found if rule[1] not in rules(rule[0])
    } == {}


def test_every_view_that_code_or_guides_read_exists() -> None:
    reading = {
        name: set(re.findall(r"\b(?:FROM|JOIN)\s+genai\.(\w+)", text, re.IGNORECASE))
        for name, text in texts().items()
        if name.endswith((".py", ".sql", ".md")) and not name.startswith(("docs/internals/design", "tests/"))
        if "genai." in text
    }
    assert any(reading.values())
    assert {name: views - contract() for name, views in reading.items() if views - contract()} == {}


def test_every_make_target_that_a_page_names_exists() -> None:
    named = {(page, target) for page in PAGES for target in re.findall(r"`make ([a-z]+)", texts()[page])}
    assert named
    assert {pair for pair in named if pair[1] not in makefile_targets()} == set()


def test_every_link_inside_the_repository_leads_somewhere() -> None:
    links = [
        (page, link.partition("#")[0])
        for page in PAGES
        for link in re.findall(r"\]\(([^)\s]+)\)", texts()[page])
        if not link.startswith(("http", "mailto:", "#"))
    ]
    assert [(page, link) for page, link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_index_links_every_page() -> None:
    linked = {
        (ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)", texts()["docs/README.md"])
    }
    pages = {page for page in PAGES if page.startswith("docs/") and page != "docs/README.md"}
    assert {page for page in pages if (ROOT / page).resolve() not in linked} == set()


@pytest.mark.parametrize(("page", "language", "snippet"), snippets())
def test_every_example_parses(page: str, language: str, snippet: str) -> None:
    if language in ("sh", "bash"):
        done = subprocess.run(["bash", "-n"], input=snippet, check=False, capture_output=True, text=True)
        assert done.stderr == "", page
    elif language == "python":
        compile(snippet, page, "exec")
    elif language == "toml":
        assert tomllib.loads(snippet)
    elif language == "yaml":
        assert all(document is not None for document in yaml.safe_load_all(snippet))
    elif language == "ini":
        ConfigParser(interpolation=None).read_string(snippet)
    elif language == "json":
        assert json.loads(snippet) is not None
    else:
        assert language in UNCHECKED, f"{page}: an example in {language}: name how to check it here"


def test_pages_and_panels_use_plain_words() -> None:
    read = {
        name: text
        for name, text in texts().items()
        if name.endswith((".md", ".html")) or name.startswith("dashboards/pages/")
    }
    found = {(name, match[0]) for name, text in read.items() for match in STUMBLES.finditer(text)}
    assert {pair for pair in found if pair[0] != "CHANGELOG.md"} == set()


def test_the_readme_tells_its_story_in_order() -> None:
    readme = " ".join(texts()["README.md"].split())
    steps = [
        "# Spanledger", SENTENCE, "──▶", "make demo", "OTEL_EXPORTER_OTLP_ENDPOINT", "spanledger first-call",
        "Grafana", "make test", "not a proxy", "USD",
    ]  # fmt: skip
    positions = [_position(readme, step) for step in steps]
    assert positions == sorted(positions), dict(zip(steps, positions, strict=True))


def _position(readme: str, step: str) -> int:
    """Where a step first stands: Grafana's own place comes after the sentence that names it first."""
    start = readme.find("first-call") if step == "Grafana" else 0
    place = readme.casefold().find(step.casefold(), max(start, 0))
    assert place >= 0, f"the README does not say: {step}"
    return place
