"""Our Grafana files under other names: several installations in one Grafana, another folder or data source.

The committed files in `dashboards/generated/` name everything `spanledger…`; a prefix stands before every uid
(`acme-spanledger-overview`). Nothing but uids is touched: the SQL of a panel asks the ledger, which knows no
prefix.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dashboards.paths import DASHBOARDS, GENERATED
from processor.calls.errors import ConfigError

HOUSE = "spanledger"
_DATASOURCE_TYPE = "grafana-postgresql-datasource"
_LONGEST_UID = 40
"""Grafana's limit for uids."""

Json = dict[str, Any]


class Names(NamedTuple):
    """Names of our dashboards, folder and data source in one Grafana.

    Attributes:
        prefix: stands before every uid, with a dash; empty for the only installation.
        folder: title of the folder.
        datasource_uid: the data source that panels ask.
    """

    prefix: str
    folder: str
    datasource_uid: str

    def uid(self, ours: str) -> str:
        """Our uid under the prefix."""
        return f"{self.prefix}-{ours}" if self.prefix else ours

    @property
    def folder_uid(self) -> str:
        """The folder's uid."""
        return self.uid(HOUSE)


def names(prefix: str = "", folder: str | None = None, datasource_uid: str | None = None) -> Names:
    """The names under a prefix; folder and data source have it too, unless they are given.

    Raises:
        ConfigError: the prefix has other characters than letters, digits and dashes, or is too long.
    """
    if not re.fullmatch(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,11}))?", prefix) or prefix.endswith("-"):
        raise ConfigError("--prefix: expected up to 12 letters, digits and dashes, such as `acme`")
    if prefix.lower().startswith(HOUSE):
        raise ConfigError(f"--prefix: {HOUSE!r} is in every uid already; choose a name of the installation")
    title = folder or ("Spanledger" + (f" {prefix}" if prefix else ""))
    return Names(prefix, title, datasource_uid or (f"{prefix}-{HOUSE}" if prefix else HOUSE))


def committed(place: Path = GENERATED) -> dict[str, Json]:
    """The dashboards as they are committed, by file name.

    Raises:
        ConfigError: there are none.
    """
    found = {path.name: json.loads(path.read_text()) for path in sorted(place.glob("*.json"))}
    if not found:
        raise ConfigError(f"no dashboards in {place}: they come with the checkout and the image")
    return found


def renamed(dashboard: Mapping[str, Any], names: Names) -> Json:
    """The same dashboard under those names.

    Raises:
        ConfigError: a uid would be longer than Grafana takes.
    """
    found: Json = _renamed(dict(dashboard), names)
    found["uid"] = names.uid(found["uid"])
    if len(found["uid"]) > _LONGEST_UID:
        raise ConfigError(f"--prefix: {found['uid']} is longer than the {_LONGEST_UID} characters of a uid")
    found["tags"] = [names.uid(tag) if tag == HOUSE else tag for tag in found.get("tags", [])]
    return found


def _renamed(value: Any, names: Names) -> Any:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == _DATASOURCE_TYPE and value.get("uid") == HOUSE:
        return value | {"uid": names.datasource_uid}
    return {
        name: _link(item, names) if name == "url" and isinstance(item, str) else _renamed(item, names)
        for name, item in value.items()
    }


def _link(url: str, names: Names) -> str:
    """A link to one of these dashboards; its uid is literal or comes from a column."""
    before = f"/d/{names.prefix}-" if names.prefix else "/d/"
    return re.sub(rf"^/d/(?={HOUSE}-|\$\{{__data\.fields)", before, url)


def export(place: Path, names: Names) -> list[Path]:
    """Write plain files for a sidecar, Terraform or git: dashboards, and what provisions them.

    The alert rules are written by `dashboards.alerts.files`.

    Args:
        place: a folder, created if missing; our files in it are replaced, others left alone.
    """
    written = []
    for name, dashboard in committed().items():
        text = json.dumps(renamed(dashboard, names), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        written.append(_write(place / "dashboards" / name, text))
    for path in sorted((DASHBOARDS / "provisioning").rglob("*.yaml")):
        if path.parent.name == "alerting":
            continue
        text = _provisioning(path.read_text(), names)
        written.append(_write(place / path.relative_to(DASHBOARDS), text))
    return written


def _provisioning(text: str, names: Names) -> str:
    """A provisioning file under those names; comments and variables stay as they are."""
    text = re.sub(r"(?m)^( *- name: )Spanledger$", lambda m: m[1] + json.dumps(names.folder), text)
    text = re.sub(rf"(?m)^( *- name: ){HOUSE}$", lambda m: m[1] + names.uid(HOUSE), text)
    text = re.sub(rf"(?m)^( *uid: ){HOUSE}$", lambda m: m[1] + names.datasource_uid, text)
    text = re.sub(r"(?m)^( *folder: )Spanledger$", lambda m: m[1] + json.dumps(names.folder), text)
    return re.sub(rf"(?m)^( *folderUid: ){HOUSE}$", lambda m: m[1] + names.folder_uid, text)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
