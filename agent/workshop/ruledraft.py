"""An alert that no rule knows in, a draft out: a fault, a rule that takes the alert, and its story.

What the alert says of itself becomes words for people; what is to be done about it nobody but the author
knows, so the fault is for people until they write a remediation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from agent.cleantext import clean
from agent.config.rulefiles import Rulebook
from agent.errors import ConfigError, Problem
from agent.instance import with_host
from agent.placeholders import fill, names

_SEVERITIES = {"critical": "critical", "page": "critical", "error": "critical", "info": "info"}
# where it is, and what says nothing about the trouble
_NO_IDENTITY = frozenset(
    {"alertname", "severity", "instance", "host", "port", "job"}
    | {"replica", "prometheus", "prometheus_replica", "receiver"}
)
_GUESSED = {"instance": "web1:9100"}
_LONGEST_SUMMARY = 120
_LONGEST_ID = 54  # more is put behind it
_BRACES = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertExample:
    """One firing of the alert, as far as anybody saw one."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Files to be written, by their path under a rules folder, and what the author should look at."""

    files: Mapping[Path, str]
    notes: tuple[str, ...]


def draft_rule(
    example: AlertExample,
    book: Rulebook,
    fault: str | None = None,
    also: Sequence[str] = (),
    new: str | None = None,
) -> Draft:
    """Return a rule that takes an alert for a fault: the one asked for, one of its name, or a new one.

    ``also`` are further alerts that must fire for the same entity. ``new`` is how a new fault and its rule
    are called, whatever the alert is.
    Raises ConfigError when there is no such fault, or when the rule stands in the rules already.
    """
    id_ = new or identifier(example.name)
    if fault is None and new is None and id_ in book.faults:
        fault = id_
    if fault is not None and fault not in book.faults:
        known = ", ".join(sorted(book.faults))
        raise ConfigError([Problem("--fault", f"there is no fault '{fault}'", hint=f"known: {known}")])
    rule_id = f"{id_}_by_alert"
    if rule_id in book.rules:
        raise ConfigError([Problem("--alert", f"the rule '{rule_id}' stands in the rules already")])
    labels = with_host(example.labels or _GUESSED)
    entity = _entity(labels, fault, book)
    head = _HEAD.format(name=plain(example.name))
    rule = _rule(example, rule_id, fault or id_, entity, also)
    files = {
        Path("diagnosis") / f"{id_}.yml": dump("rules", [rule], head),
        Path("tests") / f"{id_}.yml": dump("tests", [_story(example.name, labels, rule, also)]),
    }
    if fault is None:
        files[Path("faults") / f"{id_}.yml"] = dump("faults", [_fault(example, id_)])
    return Draft(files=files, notes=tuple(_notes(example, labels, fault)))


def _entity(labels: Mapping[str, str], fault: str | None, book: Rulebook) -> str:
    """Return a template for who has the trouble: as other rules name the same fault, so that both mean one.

    Else a host and what rules name others by goes before any other label.
    """
    known = [one.entity for one in book.rules.values() if one.fault == fault]
    fitting = [entity for entity in known if labels.keys() >= set(names(entity))]
    if fitting:
        return max(fitting, key=fitting.count)
    used = Counter(name for one in book.rules.values() for name in names(one.entity))
    may_name = [one for one in labels.keys() - _NO_IDENTITY if names(f"{{{one}}}") == (one,)]
    own = sorted(may_name, key=lambda label: (-used[label], label))[:1]
    naming = [label for label in ("host", *own) if label in labels] or ["alertname"]
    return ":".join(f"{{{label}}}" for label in naming)


_HEAD = """\
# A draft from the alert {name}. Look at entity and confidence, then write a remediation that fixes it.
"""


def _fault(example: AlertExample, id_: str) -> dict[str, object]:
    severity = _SEVERITIES.get(example.labels.get("severity", "").lower(), "warning")
    return {"id": id_, "summary": _summary(example), "severity": severity, "for_people": True}


def _rule(example: AlertExample, id_: str, fault: str, entity: str, also: Sequence[str]) -> dict[str, object]:
    runbook = example.annotations.get("runbook_url") or example.annotations.get("runbook") or ""
    more = f"; see {plain(runbook)}" if runbook else ""
    return {
        "id": id_,
        "fault": fault,
        "entity": entity,
        "confidence": 0.8,
        "when": {"all": [{"alert": re.escape(name)} for name in (example.name, *also)]},
        "evidence": f"alert {plain(example.name)} fires for {entity}{more}",
    }


def _story(
    alert: str, labels: Mapping[str, str], rule: Mapping[str, object], also: Sequence[str]
) -> dict[str, object]:
    own = {name: value for name, value in labels.items() if name != "alertname"}
    if "instance" in own:  # which says the others
        own = {name: value for name, value in own.items() if name not in ("host", "port")}
    entity = fill(str(rule["entity"]), {"alertname": alert, **labels})
    found = {"fault": rule["fault"], "entity": entity, "rules": [rule["id"]]}
    return {
        "name": f"the alert {alert} fires",
        "alerts": [{"alert": name, "labels": {**own}, "since": "1m"} for name in (alert, *also)],
        "expect": [{"at": "30s", "incidents": []}, {"at": "2m", "incidents": [found]}],
    }


def _notes(example: AlertExample, labels: Mapping[str, str], fault: str | None) -> Iterable[str]:
    if not example.labels:
        yield f"nobody has seen {example.name} fire: its labels are guessed"
    if "host" not in labels:
        yield "the alert names no host: a remediation needs a label that does"
    if fault is None:
        yield "the fault is for people until 'for_people' goes and a remediation fixes it"
    else:
        yield f"it is taken for the fault {fault} of the catalogue"


def _summary(example: AlertExample) -> str:
    said = example.annotations.get("summary") or example.annotations.get("description") or ""
    # the words of one firing name its host; the fault is about any
    for value in sorted(example.labels.values(), key=len, reverse=True):
        if len(value) > 2:
            said = said.replace(value, "…")
    return fault_summary(example.name, said)


def fault_summary(alert: str, said: str) -> str:
    """Return what an alert says of itself as the summary of a fault."""
    words = " ".join(plain(said).split())
    return clean(words or plain(f"The alert {alert} fires"), _LONGEST_SUMMARY)


def plain(text: str) -> str:
    """Return a stranger's text without control characters, and without braces, which mark placeholders."""
    return _BRACES.sub("", clean(text, 500))


def identifier(name: str) -> str:
    """Return an alert's name as ids are written: ``HostDown`` becomes ``host_down``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    words = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
    return (words if words[:1].isalpha() else f"alert_{words}")[:_LONGEST_ID].rstrip("_")


def dump(key: str, entries: list[dict[str, object]], head: str = "") -> str:
    """Return the text of a file of entries."""
    return f"---\n{head}" + yaml.safe_dump({key: entries}, sort_keys=False, allow_unicode=True, width=110)
