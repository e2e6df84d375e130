"""The catalogue's rules as Grafana reads them.

Source:
    https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

from dashboards.files import Names
from processor.alerting.catalogue import RULES, Place, Rule, Severity
from processor.alerting.states import FIRES_AT, MISSING_EVALUATIONS, RESOLVES_BELOW

Json = dict[str, Any]

CONTACT_POINTS: Final = {
    Severity.CRITICAL: "spanledger-page", Severity.WARNING: "spanledger-notify",
    Severity.INFO: "spanledger-inbox",
}  # fmt: skip
"""Each contains the inbox."""
_NUMBERS: Final = {
    "SCORE": "a.score", "VALUE": "a.value", "THRESHOLD": "a.threshold", "BASE": "a.baseline",
    "WFROM": "(extract(epoch FROM a.window_from) * 1000)::float8",
    "WTO": "(extract(epoch FROM a.window_to) * 1000)::float8",
}  # fmt: skip
_STORIES: Final = 5
"""Rows of an evaluation with a sentence, the highest score first: each takes a tenth of a second."""
_ALMOST: Final = 1e-9
"""Grafana knows `greater than` on every version, and `at least` only on newer ones."""
_FORMATS: Final = {"f": 'printf "%.{0}f" {1}', "%": "humanizePercentage {1}"}
_FIELD: Final = re.compile(r"\{(\w+)(?::\.(\d)([f%]))?\}")


def rule_files(names: Names) -> dict[str, Json]:
    """File name → what Grafana reads, one file per rule."""
    return {f"rule_{rule.id}.yaml": _file(rule, names) for rule in RULES}


def uid(rule: Rule, place: Place, names: Names) -> str:
    """A rule's uid in Grafana; short, for with a prefix of twelve characters it may have 27."""
    ours = f"sl-{rule.id.replace('_', '-')}" + ("" if place is Place.PROD else "-x")
    return names.uid(ours)


def _file(rule: Rule, names: Names) -> Json:
    return {
        "apiVersion": 1,
        "groups": [{
            "orgId": 1, "name": f"spanledger {rule.category.replace('_', ' ')} {rule.id}",
            "folder": f"{names.folder} alerts", "interval": "1m",
            "rules": [_rule(rule, place, names) for place in rule.places],
        }],
    }  # fmt: skip


def _rule(rule: Rule, place: Place, names: Names) -> Json:
    severity = rule.severity_at(place)
    speaks_for_errors = rule.no_data_fires
    return {
        "uid": uid(rule, place, names),
        "title": rule.title + ("" if place is Place.PROD else " (not production)"),
        "condition": "FIRE",
        "for": _duration(rule.pending),
        "keepFiringFor": _duration(rule.keep_firing),
        "missing_series_evals_to_resolve": MISSING_EVALUATIONS,
        "noDataState": "Alerting" if speaks_for_errors else "OK",
        "execErrState": "Alerting" if rule.id == "ledger_unreadable" else "KeepLast",
        "labels": {
            "app": "spanledger", "rule": rule.id, "category": rule.category, "about": rule.about,
            "severity": severity.value,
        },
        "annotations": _annotations(rule, names),
        "notification_settings": {
            "receiver": names.uid(CONTACT_POINTS[severity]),
            "group_by": ["grafana_folder", "alertname", "env", "data_mode"],
            "group_wait": "30s", "group_interval": "1m", "repeat_interval": "4h",
        },
        "data": [*_queries(rule, place, names), _threshold()],
    }  # fmt: skip


def _annotations(rule: Rule, names: Names) -> Json:
    dashboard = f"{names.uid('spanledger-' + rule.dashboard)}/{rule.dashboard}"
    return {
        "summary": _FIELD.sub(lambda found: _template(*found.groups()), rule.summary),
        "sentence": "{{ $values.SENTENCE.Labels.sentence }}",
        "investigate_url": '{{ reReplaceAll "/+$" "" externalURL }}/d/' + dashboard
        + "?{{ $values.SENTENCE.Labels.query }}",
        "runbook_url": "{{ $values.SENTENCE.Labels.runbook }}",
    }  # fmt: skip


def _template(name: str, digits: str | None, kind: str | None) -> str:
    """A field of the summary in Go's template language."""
    if kind is None:
        return "{{ $labels." + name + " }}"
    return "{{ " + _FORMATS[kind].format(digits, f"$values.{name.upper()}.Value") + " }}"


def _queries(rule: Rule, place: Place, names: Names) -> list[Json]:
    """One query a figure, all with the same labels, and one whose further labels are the annotations.

    Grafana refuses an answer with two numbers a row, so each rule asks its function seven times a minute
    (docs/decisions/0015-seven-queries-a-rule.md).
    """
    columns = ("env", "data_mode", "owner", *rule.labels)
    rows = f"genai.alert_{rule.id}(now(), '{place.value}') a"
    figures = ", ".join(f'a."{name}"' for name in columns)
    numbers = [
        _query(ref, _select(figures, f"{sql} AS value", f"FROM {rows}"), names)
        for ref, sql in _NUMBERS.items()
    ]
    labels = ", ".join(f'(n.a)."{name}"' for name in columns)
    first = f"FROM (SELECT a, row_number() OVER () <= {_STORIES} AS told FROM {rows}) n"  # noqa: S608 - names of our own
    detail = f"CROSS JOIN LATERAL genai.alert_detail('{rule.id}', n.a, n.told) d"
    texts = _select(labels, "d.sentence, d.query, d.runbook, 1::float8 AS value", f"{first} {detail}")
    return [*numbers, _query("SENTENCE", texts, names)]


def _select(*parts: str) -> str:
    """The statement; labels first, so that two queries of a rule differ only in what they measure."""
    *columns, source = parts
    return "SELECT " + ", ".join(columns) + " " + source


def _query(ref: str, sql: str, names: Names) -> Json:
    return {
        "refId": ref, "relativeTimeRange": {"from": 3600, "to": 0}, "datasourceUid": names.datasource_uid,
        "model": {
            "refId": ref,
            "datasource": {"type": "grafana-postgresql-datasource", "uid": names.datasource_uid},
            "format": "table", "rawQuery": True, "editorMode": "code", "intervalMs": 60000,
            "maxDataPoints": 1000, "rawSql": sql,
        },
    }  # fmt: skip


def _threshold() -> Json:
    return {
        "refId": "FIRE", "relativeTimeRange": {"from": 0, "to": 0}, "datasourceUid": "__expr__",
        "model": {
            "refId": "FIRE", "type": "threshold", "datasource": {"type": "__expr__", "uid": "__expr__"},
            "expression": "SCORE",
            "conditions": [{
                "evaluator": {"type": "gt", "params": [FIRES_AT - _ALMOST]},
                "unloadEvaluator": {"type": "lt", "params": [RESOLVES_BELOW]},
            }],
        },
    }  # fmt: skip


def _duration(length: timedelta) -> str:
    return f"{int(length.total_seconds())}s"
