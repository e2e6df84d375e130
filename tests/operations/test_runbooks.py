"""Every rule has its section in the runbooks, and the page has an address for it."""

from __future__ import annotations

import re

import pytest

from cli.__main__ import COMMANDS
from operations.alerts.runbooks import runbooks_page, text
from operations.diagnosis.findings import CAUSES
from operations.web.parameters import Links
from operations.web.render import Service
from processor.alerting.catalogue import RULES

PARTS = ("Meaning", "Impact", "Diagnosis", "Containment", "Hardening")


def sections() -> dict[str, str]:
    _, *parts = re.split(r"^## (.+)$", text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_there_is_a_section_for_each_rule_and_each_trouble_and_no_other() -> None:
    rules = {rule.id.replace("_", "-") for rule in RULES}
    troubles = {cause.runbook for cause in CAUSES.values()}
    assert set(sections()) == rules | troubles


def test_the_section_of_a_trouble_has_commands_that_exist() -> None:
    for name in {cause.runbook for cause in CAUSES.values()}:
        named = set(re.findall(r"(?:\$ |`)spanledger ([a-z-]+)", sections()[name]))
        assert named <= {entry.name for entry in COMMANDS}, name


def test_links_between_sections_lead_somewhere() -> None:
    assert set(re.findall(r"\]\(#([a-z-]+)\)", text())) <= set(sections())


@pytest.mark.parametrize("name", sections())
def test_a_section_says_what_to_do(name: str) -> None:
    assert re.findall(r"^\*\*(\w+)\.\*\*", sections()[name], re.MULTILINE) == list(PARTS)


def test_the_page_has_an_address_for_every_section() -> None:
    page = runbooks_page(Links("./"), Service("1", None, {}))
    for name in sections():
        assert f'<h2 id="{name}">' in page
    assert "](" not in page
    assert 'href="#concentration-tenant"' in page
