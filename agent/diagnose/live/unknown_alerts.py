"""Alerts that fire and the rules in, those that no rule knows out, each a candidate for people."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from agent.cleantext import clean
from agent.config.conditions import AlertCondition, labels_fit, leaves
from agent.config.rulefiles import Rule
from agent.diagnose.live.symptoms import alert_symptom
from agent.quantity import format_value
from agent.records import Alert, Candidate

UNKNOWN_ALERT = "unknown_alert"

_CONFIDENCE = 0.5  # that it is trouble somebody must know; what trouble, nobody said
_MOST_SYMPTOMS = 8
_LONGEST, _LONGEST_PLACE = 500, 150  # characters of an annotation, and of labels in a name
_NO_PLACE = frozenset({"alertname", "severity", "job", "prometheus", "replica", "prometheus_replica"})


class UnknownAlerts:
    """Knows which alerts the rules ask for, by name and labels."""

    def __init__(self, rules: Iterable[Rule], ignored: Iterable[str]) -> None:
        found = [leaf for rule in rules for leaf in leaves(rule.when)]
        self._asked = [leaf for leaf in found if isinstance(leaf, AlertCondition)]
        self._ignored = [re.compile(pattern) for pattern in ignored]

    def among(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Return the alerts that no rule would take, whatever else it asks for."""
        return [one for one in alerts if not (self._is_asked(one) or self._is_ignored(one))]

    def find(self, alerts: Iterable[Alert]) -> list[Candidate]:
        """Return a candidate for every unknown alert of every host, or of every place without one."""
        by_entity: dict[str, list[Alert]] = defaultdict(list)
        for alert in self.among(alerts):
            by_entity[_entity(alert)].append(alert)
        return [_candidate(entity, own) for entity, own in by_entity.items()]

    def _is_asked(self, alert: Alert) -> bool:
        return any(
            re.fullmatch(one.alert, alert.name) and labels_fit(alert.labels, one.where) for one in self._asked
        )

    def _is_ignored(self, alert: Alert) -> bool:
        return any(pattern.fullmatch(alert.name) for pattern in self._ignored)


def _entity(alert: Alert) -> str:
    name = format_value(alert.name or "an alert without a name")
    if alert.labels.get("host"):
        return f"{name} on {format_value(alert.labels['host'])}"
    place = [f"{key}={alert.labels[key]}" for key in sorted(alert.labels.keys() - _NO_PLACE)]
    return f"{name} ({clean(', '.join(place), _LONGEST_PLACE)})" if place else name


def _candidate(entity: str, alerts: Sequence[Alert]) -> Candidate:
    first = alerts[0]
    shared = set(first.labels.items()).intersection(*(one.labels.items() for one in alerts))
    labels = dict(shared)
    host = labels.get("host")
    return Candidate(
        fault=UNKNOWN_ALERT,
        entity=entity,
        confidence=_CONFIDENCE,
        voters={f"alert {first.name}": _CONFIDENCE},
        evidence=tuple(_told(first)),
        symptoms=tuple(alert_symptom(one) for one in alerts[:_MOST_SYMPTOMS]),
        labels=labels,
        identity={"host": host} if host else {},
    )


def _told(alert: Alert) -> Iterable[str]:
    """Yield what whoever wrote the alert wants people to know."""
    yield f"alert {format_value(alert.name)} fires, and no rule knows what it means"
    for name in ("summary", "description", "message"):
        if alert.annotations.get(name):
            yield clean(alert.annotations[name], _LONGEST)
    for name in ("runbook_url", "runbook", "dashboard_url"):
        if alert.annotations.get(name):
            yield f"{name.partition('_')[0]}: {clean(alert.annotations[name], _LONGEST)}"
    yield f"labels: {_in_words(alert.labels)}"


def _in_words(labels: Mapping[str, str]) -> str:
    shown = (f"{name}={value}" for name, value in sorted(labels.items()) if name != "alertname")
    return clean(", ".join(shown), _LONGEST)
