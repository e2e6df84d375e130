"""Both loaders of YAML read the same: libyaml's where it is there, and Python's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from processor.calls import strict_yaml
from processor.calls.errors import ConfigError
from processor.calls.strict_yaml import read_yaml

TEXT = (
    b"""\
version: 1
budgets:   # of everything
  - {name: 'a b', daily: "5.00", scope: {tenant: *x}}
  - name: >-
      folded
    daily: "0.10"
""".replace(b"*x", b"&x acme")
    + b"  - {name: c, scope: {tenant: *x}}\n"
)


def read(content: bytes, monkeypatch: pytest.MonkeyPatch, fast: bool) -> Any:
    if not fast:
        monkeypatch.setattr(strict_yaml, "_FAST", None)
    root = read_yaml(content, "budgets.yaml")
    monkeypatch.undo()
    assert root is not None
    return told(root.node)


def told(node: yaml.Node) -> Any:
    """Kind, style, line and value of a node and all below it."""
    if isinstance(node, yaml.ScalarNode):
        return node.style or None, node.start_mark.line, node.value
    if isinstance(node, yaml.MappingNode):
        return node.start_mark.line, [(told(key), told(value)) for key, value in node.value]
    return node.start_mark.line, [told(each) for each in node.value]


def test_libyaml_and_the_slow_loader_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert strict_yaml._FAST is not None
    assert read(TEXT, monkeypatch, fast=True) == read(TEXT, monkeypatch, fast=False)


def test_the_shipped_examples_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    docs = Path(__file__).parents[2] / "docs"
    blocks = [
        block.split("```")[0].encode()
        for page in ("budgets.md", "alerts.md", "pricing.md")
        for block in (docs / page).read_text().split("```yaml\n")[1:]
    ]
    assert len(blocks) > 3
    for block in blocks:
        assert read(block, monkeypatch, fast=True) == read(block, monkeypatch, fast=False)


@pytest.mark.parametrize("content", [b"a: [1,\nb: 2\n", b"a: 'open\n", b"\t- x: 1\n - y", b"a: *unknown\n"])
def test_a_fault_is_told_in_the_same_words(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for fast in (True, False):
        with pytest.raises(ConfigError) as error:
            read(content, monkeypatch, fast)
        said.append(str(error.value))
    assert said[0] == said[1]
