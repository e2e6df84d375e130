"""A wrong pricing map refuses to start, with file, line and reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.errors import ConfigError
from processor.pricing.load import load_price_book
from processor.pricing.price_map import read_price_map
from tests.processor.pricing_cases import book_of, library

PRICE = 'prices: [{usd_per_mtok: {input: "1", output: "1"}}]'
WRONG = [
    ("models: []", "prices.yaml:1: version is missing"),
    ("version: x", "prices.yaml:1: version: expected a whole number, not 'x'"),
    ("version: 1\nmodel: []", "prices.yaml:2: model: unknown key; known are version"),
    ("version: 1\nversion: 2", "prices.yaml:2: version: key given twice"),
    ("version: [", "prices.yaml:1: not YAML"),
    ("- 1", "prices.yaml:1: expected a mapping"),
    ("version: 1\nmodels: {a: 1}", "prices.yaml:2: models: expected a list"),
    (
        "version: 1\nmodels:\n- {provider: a, model: b, prices: [{usd_per_mtok: {input: 1.5, output: '1'}}]}",
        'prices.yaml:3: models[0].prices[0].usd_per_mtok.input: expected a quoted decimal such as "2.5"',
    ),
    (
        "version: 1\nmodels:\n- {provider: a, model: b, prices: [{usd_per_mtok: {input: '-1'}}]}",
        "prices.yaml:3: models[0].prices[0].usd_per_mtok.input: '-1' is not a decimal of zero or more",
    ),
    (
        "version: 1\nmodels:\n- {provider: a, model: b, prices: [{usd_per_mtok: {input: '1e3'}}]}",
        "prices.yaml:3: models[0].prices[0].usd_per_mtok.input: '1e3' is not a decimal",
    ),
    (
        "version: 1\nmodels:\n- {provider: a, model: b, prices: [{usd_per_mtok: {in: '1', output: '1'}}]}",
        "prices.yaml:3: models[0].prices[0].usd_per_mtok.in: unknown key; known are input, output",
    ),
    (
        "version: 1\nmodels:\n- {provider: a, model: b, prices: [{usd_per_mtok: {input: '0', output: '0'}}]}",
        "prices.yaml:3: models[0].prices[0].usd_per_mtok: a price for input or output above zero is needed",
    ),
    (
        "version: 1\nmodels:\n- {provider: a, model: b, prices: []}",
        "prices.yaml:3: models[0].prices: at least one",
    ),
    ("version: 1\nmodels:\n- {provider: a, prices: []}", "prices.yaml:3: models[0]: model is missing"),
    (f"version: 1\nmodels:\n- {{provider: langchain, model: b, {PRICE}}}", "a framework is not a provider"),
    (
        f"version: 1\nmodels:\n- {{provider: a, model: b, {PRICE}}}\n- {{provider: A, model: B, {PRICE}}}",
        "prices.yaml:4: models[1]: this model is given twice",
    ),
    (
        "version: 1\naliases:\n- {provider: a, model: b, to: {provider: openai, model: gpt-99}}",
        "prices.yaml:3: a/b stands for openai/gpt-99, which has no price",
    ),
    (
        "version: 1\naliases:\n"
        "- {provider: a, model: b, to: {provider: openai, model: gpt-4o}}\n"
        "- {provider: a, model: b, to: {provider: openai, model: gpt-4.1}, from: 2026-01-01}",
        "prices.yaml:4: aliases[1]: overlaps another alias of the same name",
    ),
    (
        "version: 1\ndiscounts:\n- {match: {provider: openai}, multiply: '0'}",
        "prices.yaml:3: discounts[0].multiply: expected a factor above 0",
    ),
    (
        "version: 1\ndiscounts:\n- {match: {provider: a}, multiply: '0.9', from: 2026-02-01, to: 2026-02-01}",
        "prices.yaml:3: discounts[0]: ends before it begins",
    ),
    (
        "version: 1\nignore:\n- {provider: ollama, model: '*', treat_as: zero}",
        "prices.yaml:3: ignore[0].treat_as: expected free, not 'zero'",
    ),
    (
        "version: 1\nbase: {package: genai-prices, version: '0.0.1'}",
        "prices.yaml:2: base.version: the map was made for genai-prices 0.0.1, installed is 0.2.3",
    ),
    (
        "version: 1\nbase: {package: genai-prices, version: '0.2.3', sha256: abc}",
        "prices.yaml:2: base.sha256: the installed list has the hash",
    ),
]


def _dated(*prices: str) -> str:
    entries = "\n".join(f'  - {{{price}, usd_per_mtok: {{input: "1", output: "1"}}}}' for price in prices)
    return f"version: 1\nmodels:\n- provider: a\n  model: b\n  prices:\n{entries}\n"


WRONG_DATES = [
    (
        ("from: 2026-01-01, to: 2026-03-01", "from: 2026-02-01"),
        "prices.yaml:6: models[0].prices[0].to: overlaps",
    ),
    (
        ("from: 2026-01-01, to: 2026-01-15", "from: 2026-02-01"),
        "prices.yaml:6: models[0].prices[0].to: leaves a gap",
    ),
    (
        ("from: 2026-02-01", "from: 2026-01-01"),
        "prices.yaml:7: models[0].prices[1]: prices of a model are in order",
    ),
    (
        ("from: 2026-02-01", "from: 2026-02-01"),
        "prices.yaml:7: models[0].prices[1]: prices of a model are in order",
    ),
    (("from: 2026-02-01", "note: later"), "prices.yaml:7: models[0].prices[1]: from is missing"),
    (("from: 2026-02-30",), "prices.yaml:6: models[0].prices[0].from: expected a date"),
    (("from: 2026-02-01, to: 2026-01-01",), "prices.yaml:6: models[0].prices[0]: ends before it begins"),
]


@pytest.mark.parametrize(
    ("yaml", "error"), [*WRONG, *((_dated(*prices), error) for prices, error in WRONG_DATES)]
)
def test_a_wrong_map_is_refused_with_file_line_and_reason(tmp_path: Path, yaml: str, error: str) -> None:
    with pytest.raises(ConfigError) as raised:
        book_of(tmp_path, yaml)
    assert error in str(raised.value)


def test_a_map_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        load_price_book(tmp_path / "none.yaml", library())


@given(st.binary(max_size=200))
def test_any_file_is_a_map_or_refused(content: bytes) -> None:
    refusal = ""
    try:
        read_price_map(content, "prices.yaml", "0.2.3", "")
    except ConfigError as error:
        refusal = str(error)
    assert not refusal or refusal.startswith("prices.yaml")
