"""Grafana ignores a misspelt key of an alerting file silently; this check does not."""

from __future__ import annotations

from typing import Any, Final

Allowed = dict[str, Any]
_ANY: Final[Allowed] = {"*": None}
_QUERY: Final[Allowed] = {
    "refId": None, "relativeTimeRange": {"from": None, "to": None}, "datasourceUid": None,
    "model": {
        "refId": None, "datasource": {"type": None, "uid": None}, "format": None, "rawQuery": None,
        "editorMode": None, "intervalMs": None, "maxDataPoints": None, "rawSql": None,
        "type": None, "expression": None,
        "conditions": {
            "evaluator": {"type": None, "params": None}, "unloadEvaluator": {"type": None, "params": None},
        },
    },
}  # fmt: skip
_RULE: Final[Allowed] = {
    "uid": None, "title": None, "condition": None, "for": None, "keepFiringFor": None,
    "missing_series_evals_to_resolve": None, "noDataState": None, "execErrState": None, "isPaused": None,
    "labels": _ANY, "annotations": _ANY, "data": _QUERY,
    "notification_settings": {
        "receiver": None, "group_by": None, "group_wait": None, "group_interval": None,
        "repeat_interval": None, "mute_time_intervals": None,
    },
}  # fmt: skip
_ROUTE: Final[Allowed] = {
    "orgId": None, "receiver": None, "group_by": None, "object_matchers": None, "continue": None,
    "routes": {"receiver": None, "object_matchers": None, "continue": None},
}  # fmt: skip
_FILE: Final[Allowed] = {
    "apiVersion": None,
    "groups": {"orgId": None, "name": None, "folder": None, "interval": None, "rules": _RULE},
    "contactPoints": {
        "orgId": None, "name": None,
        "receivers": {"uid": None, "type": None, "disableResolveMessage": None, "settings": _ANY},
    },
    "templates": {"orgId": None, "name": None, "template": None},
    "muteTimes": {"orgId": None, "name": None, "time_intervals": _ANY},
    "policies": _ROUTE,
    "deleteRules": {"orgId": None, "uid": None},
}  # fmt: skip


def unknown_keys(document: object, allowed: Allowed | None = None, path: str = "") -> list[str]:
    """The paths of keys that Grafana would ignore; None allows no mapping."""
    return list(_unknown(document, _FILE if allowed is None else allowed, path))


def _unknown(value: object, allowed: Allowed | None, path: str) -> list[str]:
    if isinstance(value, list):
        return [
            found
            for number, each in enumerate(value)
            for found in _unknown(each, allowed, f"{path}[{number}]")
        ]
    if not isinstance(value, dict):
        return []
    if allowed is None:
        return [path]
    if "*" in allowed:
        return []
    here = [f"{path}.{key}" for key in value if key not in allowed]
    below = [
        found
        for key in value
        if key in allowed
        for found in _unknown(value[key], allowed[key], f"{path}.{key}")
    ]
    return here + below
