"""The alerting files as text: committed for our own names, written anew for others by `grafana export`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from dashboards.alerts.check import unknown_keys
from dashboards.alerts.routing import INBOX_TOKEN, INBOX_URL, example_policy, routing_files
from dashboards.alerts.rules import rule_files
from dashboards.files import Json, Names
from dashboards.paths import DASHBOARDS

COMMITTED: Final = DASHBOARDS / "provisioning" / "alerting"
EXAMPLE: Final = DASHBOARDS / "alerts" / "example_policies.yaml"
_HEAD: Final = "# Made by `python -m dashboards.generate` of processor/alerting/catalogue.py; edit that.\n"
_NEEDS: Final = (
    f"# Needs {INBOX_URL} and {INBOX_TOKEN} in Grafana's environment; other channels: docs/alerts.md.\n"
)


def alerting_files(names: Names, environment: Mapping[str, str], observe: bool = False) -> dict[str, str]:
    """File name → text of everything below `provisioning/alerting/`.

    Raises:
        ValueError: a key that Grafana does not know: it would ignore it silently.
    """
    made = rule_files(names) | routing_files(names, environment, observe)
    return {name: _text(name, document) for name, document in made.items()}


def example(names: Names) -> str:
    """The example policy tree; it is never provisioned by us."""
    head = "# An example, not applied: provisioning it replaces the whole policy tree of your Grafana.\n"
    return head + _dump(example_policy(names))


def write(folder: Path, names: Names, environment: Mapping[str, str], observe: bool = False) -> list[Path]:
    """Write all of them; rules that no longer exist go."""
    folder.mkdir(parents=True, exist_ok=True)
    made = alerting_files(names, environment, observe)
    for path in folder.glob("rule_*.yaml"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in made]


def _text(name: str, document: Json) -> str:
    if unknown := unknown_keys(document):
        raise ValueError(f"{name}: Grafana knows no {', '.join(unknown)}")
    return _HEAD + (_NEEDS if name == "contact_points.yaml" else "") + _dump(document)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and shared values each time."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def _dump(document: Json) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
