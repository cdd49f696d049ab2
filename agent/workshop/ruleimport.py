"""Alert rules as Prometheus reads them in, a draft for a rules folder out: signals, faults, rules, stories.

An alert becomes a rule about what its expression compares, where that can be said (``alertconditions``), and
otherwise a rule about the alert itself, which an Alertmanager has to hand in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from agent.cleantext import clean
from agent.config.promql import check_promql
from agent.config.rulefiles import Rulebook
from agent.config.scalars import format_duration, parse_duration
from agent.config.yamlfile import load_bounded
from agent.errors import ConfigError, Problem
from agent.workshop.alertconditions import Compared, NotSayable, Parts, bounds_of, conditions_of, leaves_of
from agent.workshop.importstories import alert_story, story
from agent.workshop.ruledraft import Draft, dump, fault_summary, identifier, plain

_SEVERITIES = {
    "critical": "critical",
    "page": "critical",
    "error": "critical",
    "info": "info",
    "none": "info",
}
_LABEL_OF_ALERT = re.compile(r"\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)|\blabels\.([a-zA-Z_][a-zA-Z0-9_]*)")
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.S)
# what computes: the words around it belong to it
_PROGRAM = re.compile(r"\{\{-?\s*(?:if|else|end|range|with|block|define|template)\b|\{\{(?!.*?\}\})", re.S)
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS_S = (365 * 86400, 7 * 86400, 86400, 3600, 60, 1, 0.001)
_NO_IDENTITY = frozenset(
    {"instance", "host", "port", "job", "severity", "alertname", "value", "cluster_name"}
)
_MOST_LABELS = 3  # in an entity
_CONFIDENCE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert rule of a file."""

    name: str
    expression: str
    hold: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Remark:
    """Why something of a rule did not come over; ``line`` is where the rule begins, None of what is none."""

    line: int | None
    name: str
    why: str


@dataclass(slots=True, kw_only=True)
class Import:
    """What came over from a file, how, and what did not."""

    by_expression: list[str] = field(default_factory=list)
    by_alert: list[Remark] = field(default_factory=list)
    partly: list[Remark] = field(default_factory=list)
    left_out: list[Remark] = field(default_factory=list)
    draft: Draft = field(default_factory=lambda: Draft(files={}, notes=()))


@dataclass(slots=True)
class _Entries:
    signals: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    tests: list[dict[str, Any]] = field(default_factory=list)


def import_rules(source: str, content: Any, book: Rulebook) -> Import:
    """Return a draft of every alert of a rule file that was read.

    Raises ConfigError when it holds no groups of rules.
    """
    found = Import()
    entries = _Entries()
    taken = set(book.faults) | set(book.rules) | set(book.signals)
    for rule in _rules(source, content):
        alert = _alert(rule)
        if isinstance(alert, Remark):
            found.left_out.append(alert)
            continue
        found.partly += _lost(alert, rule)
        id_ = _free(identifier(alert.name), taken)
        try:
            found_by = _add_by_expression(entries, alert, id_)
            found.by_expression.append(alert.name)
        except NotSayable as error:
            found_by = _add_by_alert(entries, alert, id_)
            found.by_alert.append(Remark(_line(rule), alert.name, str(error)))
        entries.faults.append(_fault(alert, id_))
        taken |= {id_, *found_by}
    found.draft = _draft(source, entries)
    return found


def _draft(source: str, entries: _Entries) -> Draft:
    stem = f"imported_{identifier(Path(source).stem) or 'rules'}"[:64]
    name = plain(Path(source).name)
    head = f"# A draft from {name}. Look at each entity and confidence, then write remediations.\n"
    files = {
        Path("faults") / f"{stem}.yml": dump("faults", entries.faults, head),
        Path("diagnosis") / f"{stem}.yml": dump("rules", entries.rules),
        Path("tests") / f"{stem}.yml": dump("tests", entries.tests),
    }
    if entries.signals:
        files[Path("signals") / f"{stem}.yml"] = dump("signals", entries.signals)
    notes = ("faults are for people until 'for_people' goes and a remediation fixes them",)
    return Draft(files=files if entries.faults else {}, notes=notes if entries.faults else ())


def _rules(source: str, content: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every rule of all groups; what is none is empty."""
    spec = content.get("spec", content) if isinstance(content, Mapping) else None
    groups = spec.get("groups") if isinstance(spec, Mapping) else None
    if not isinstance(groups, list):
        hint = "mixins are rendered first, such as by 'jsonnet -e' or mixtool"
        raise ConfigError([Problem(source, "holds no groups of Prometheus rules", hint=hint)])
    for group in groups:
        rules = group.get("rules") if isinstance(group, Mapping) else None
        for rule in rules if isinstance(rules, list) else ():
            yield rule if isinstance(rule, Mapping) else {}


def _line(rule: Mapping[str, Any]) -> int | None:
    return rule.line if isinstance(rule, _Placed) else None


def _lost(alert: Alert, rule: Mapping[str, Any]) -> Iterator[Remark]:
    """Yield what an alert has that the rule drafted of it has not."""
    if rule.get("keep_firing_for"):
        why = f"'keep_firing_for: {rule['keep_firing_for']}' is not kept; its incident ends when it does"
        yield Remark(_line(rule), alert.name, clean(why, 200))


def _alert(rule: Mapping[str, Any]) -> Alert | Remark:
    name, expression = rule.get("alert"), rule.get("expr")
    if not isinstance(name, str) or not identifier(name):
        record = rule.get("record")
        said = "a recording rule: Prometheus goes on evaluating it" if record else "no alert"
        return Remark(_line(rule), plain(str(record or name or "a rule")), said)
    if not isinstance(expression, str | int | float):
        return Remark(_line(rule), plain(name), "it has no expression")
    try:
        check_promql(str(expression))
        hold = _hold(rule.get("for"))
    except ValueError as error:
        return Remark(_line(rule), plain(name), clean(str(error), 200))
    return Alert(
        name=name,
        expression=str(expression),
        hold=hold,
        labels=_texts(rule.get("labels")),
        annotations=_texts(rule.get("annotations")),
    )


def _hold(said: Any) -> str:
    """Return a duration of Prometheus as ours: ``1h30m``, ``1w``, ``0m``."""
    if said in (None, 0):
        return "0s"
    if re.fullmatch(r"(0+[a-z]+)+|0+", str(said)):
        return "0s"
    parts = _DURATION.fullmatch(str(said))
    if parts is None or not parts[0]:
        return format_duration(parse_duration(str(said)))  # which says what is wrong
    seconds = sum(int(part or 0) * unit for part, unit in zip(parts.groups(), _UNITS_S, strict=True))
    hold = format_duration(timedelta(seconds=max(round(seconds), 1)))
    parse_duration(hold)  # which takes a year at most
    return hold


def _texts(mapping: Any) -> Mapping[str, str]:
    given = mapping.items() if isinstance(mapping, Mapping) else ()
    return {str(key): str(value) for key, value in given if value is not None}


def _add_by_expression(entries: _Entries, alert: Alert, id_: str) -> Sequence[str]:
    parts = conditions_of(alert.expression)
    compared = list(leaves_of(parts))
    entity, labels = _entity(alert, compared)
    names: dict[str, str] = {}  # of a query
    for one in compared:
        names.setdefault(one.query, id_ if not names else f"{id_}_{len(names) + 1}")
    signals = [_signal(alert, one, names[one.query], entity) for one in compared]
    rule = {
        "id": f"{id_}_imported",
        "fault": id_,
        "entity": entity,
        "confidence": _CONFIDENCE,
        "when": _when(parts, names, alert.hold),
        "evidence": _evidence(alert, entity, names[compared[0].query]),
    }
    told = story(alert.name, rule, parts, names, labels, parse_duration(alert.hold))
    if told is None:
        raise NotSayable("what it compares cannot all be so at the same time")
    entries.signals += {one["id"]: one for one in signals}.values()
    entries.rules.append(rule)
    entries.tests.append(told)
    return [*names.values(), str(rule["id"])]


def _signal(alert: Alert, one: Compared, id_: str, entity: str) -> dict[str, Any]:
    return {
        "id": id_,
        "summary": f"What the alert {plain(alert.name)} compares",
        "query": one.query,
        "role": "errors",
        "bad": {">": "high", ">=": "high", "<": "low", "<=": "low"}.get(one.operator, "both"),
        "entity": entity,
        "detect": False,
    }


def _when(parts: Parts | Compared, names: Mapping[str, str], hold: str) -> dict[str, Any]:
    if isinstance(parts, Parts):
        return {parts.word: [_when(one, names, hold) for one in parts.parts]}
    lasts = {} if hold == "0s" else {"for": hold}
    leaves = [{"signal": names[parts.query], **bound, **lasts} for bound in bounds_of(parts)]
    return leaves[0] if len(leaves) == 1 else {"any": leaves}


def _entity(alert: Alert, compared: Iterable[Compared]) -> tuple[str, Sequence[str]]:
    """Return who the alert is about, by labels that all its vectors have. Raises NotSayable."""
    known = [one.labels for one in compared if one.labels is not None]
    told = [
        match[1] or match[2]
        for text in alert.annotations.values()
        for match in _LABEL_OF_ALERT.finditer(text)
    ]
    shared = frozenset.intersection(*known) if known else None
    if shared is None:
        labels = ["instance", *(one for one in dict.fromkeys(told) if one not in _NO_IDENTITY)]
    else:
        labels = sorted(shared - _NO_IDENTITY)
        labels = ["instance", *labels] if "instance" in shared else labels
        labels = labels or sorted(shared & {"job"})
    if not labels:
        raise NotSayable("what it adds up names nobody")
    named = [("host" if one == "instance" else one) for one in labels[:_MOST_LABELS]]
    if any(not re.fullmatch(r"[a-z_][a-z0-9_]*", one) for one in named):
        raise NotSayable("a label that tells its series apart is not in lower case")
    return ":".join(f"{{{one}}}" for one in named), labels[:_MOST_LABELS]


def _add_by_alert(entries: _Entries, alert: Alert, id_: str) -> Sequence[str]:
    rule = {
        "id": f"{id_}_imported",
        "fault": id_,
        "entity": "{alertname}",
        "confidence": _CONFIDENCE,
        "when": {"all": [{"alert": re.escape(alert.name)}]},
        "evidence": f"alert {plain(alert.name)} fires{_runbook(alert)}",
    }
    entries.rules.append(rule)
    entries.tests.append(alert_story(alert.name, rule))
    return [str(rule["id"])]


def _fault(alert: Alert, id_: str) -> dict[str, Any]:
    severity = _SEVERITIES.get(alert.labels.get("severity", "").lower(), "warning")
    told = (alert.annotations.get(name, "") for name in ("summary", "description", "message"))
    said = next((text for text in told if text and not _PROGRAM.search(text)), "")
    words = re.sub(r"\(\s*[\w ]*\s*\)", "", _TEMPLATE.sub("", said))
    summary = fault_summary(alert.name, words)
    return {"id": id_, "summary": summary, "severity": severity, "for_people": True}


def _evidence(alert: Alert, entity: str, signal: str) -> str:
    return f"{plain(alert.name)} on {entity}: {{{signal}}}{_runbook(alert)}"


def _runbook(alert: Alert) -> str:
    runbook = _TEMPLATE.sub(
        "", alert.annotations.get("runbook_url") or alert.annotations.get("runbook") or ""
    )
    return f"; see {plain(runbook)}" if runbook else ""


def _free(id_: str, taken: set[str]) -> str:
    """Return an id that nothing has yet, neither as fault nor as rule or signal."""
    for number in range(1, 1000):
        # what is made of it is longer, and an identifier has 64 characters at most
        name = id_[:48] if number == 1 else f"{id_[:48]}_{number}"
        if not {name, f"{name}_imported"} & taken and _is_metric(name):
            return name
    raise ConfigError([Problem(id_, "is the name of a thousand alerts")])


def _is_metric(name: str) -> bool:
    """Return whether PromQL takes a name for a metric's; ``group_left`` is a word of its own."""
    try:
        check_promql(f'{name}{{job="x"}}')
    except ValueError:
        return False
    return True


class _Placed(dict[str, Any]):
    """A mapping that knows the line on which it begins."""

    line: int


class _Loader(yaml.SafeLoader):
    """YAML whose mappings know their lines."""


def _placed(loader: _Loader, node: yaml.MappingNode) -> Iterator[_Placed]:
    data = _Placed()
    data.line = node.start_mark.line + 1
    yield data
    data.update({str(key): value for key, value in loader.construct_mapping(node).items()})


_Loader.add_constructor("tag:yaml.org,2002:map", _placed)


def read_rules(text: str, source: str) -> Any:
    """Return what a rule file holds. Raises ConfigError for what is no YAML."""
    try:
        return load_bounded(text, _Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError([Problem(source, f"is no YAML: {clean(str(error), 300)}")]) from error
