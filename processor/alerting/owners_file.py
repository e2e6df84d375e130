"""`owners.yaml`: who owns the spend of a service, or of the endpoints that begin with a prefix.

version: 1
owners:
  - {owner: platform, channel: "#llm-costs", reviewed: 2026-11-01}
  - {service: shop, owner: shop-team, channel: "#shop", escalation: "page shop-oncall"}
  - {endpoint: checkout., owner: payments, channel: "#pay", runbook: "https://wiki/pay", reviewed: 2026-11-01}
"""

from __future__ import annotations

from typing import Any

from processor.calls.strict_yaml import Value

Json = dict[str, Any]
_OPTIONAL = ("channel", "escalation", "runbook")


def read_owners(root: Value) -> Json:
    """What the file says: `{"owners": [{service?, endpoint?, owner, channel?, ...}, ...]}`.

    An entry with neither service nor endpoint owns the rest; `endpoint` is a prefix.

    Raises:
        ConfigError: with file, line and reason.
    """
    sections = root.section("version", "owners", required=("version",))
    if sections["version"].whole() != 1:
        raise sections["version"].error("expected version 1")
    owners: list[Json] = []
    for entry in sections["owners"].items() if "owners" in sections else ():
        owner = _owner(entry)
        place = owner.get("service"), owner.get("endpoint")
        if any(place == (other.get("service"), other.get("endpoint")) for other in owners):
            raise entry.error("this service or endpoint has an owner already")
        owners.append(owner)
    return {"owners": owners}


def _owner(entry: Value) -> Json:
    values = entry.section("service", "endpoint", "owner", *_OPTIONAL, "reviewed", required=("owner",))
    if "service" in values and "endpoint" in values:
        raise entry.error("expected a service or a prefix of endpoints, not both")
    found = {
        name: values[name].text() for name in ("service", "endpoint", "owner", *_OPTIONAL) if name in values
    }
    if "runbook" in found and not found["runbook"].startswith(("https://", "http://")):
        raise values["runbook"].error("expected an http(s) address")
    if "reviewed" in values:
        found["reviewed"] = values["reviewed"].day().isoformat()
    return found
