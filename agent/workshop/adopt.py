"""A playbook that exists and a fault in, the files of a remediation around it out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent.config.rulefiles import Rulebook
from agent.errors import ConfigError, ConflictError, OpsmendError, Problem
from agent.placeholders import names
from agent.workshop.dangers import dangers_in
from agent.workshop.roles import Unsafe, read_ansible

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_USED = re.compile(r"\{\{(.*?)\}\}", re.S)
_WORD = re.compile(r"(?<![\w.'\"])([a-z_][a-z0-9_]*)(?![\w(]|\s*=[^=])")
_JINJA = frozenset(
    {"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "item", "omit", "loop", "defined"}
    | {"hostvars", "groups", "group_names", "playbook_dir", "role_path", "lookup", "query", "undefined"}
)
_MAGIC = re.compile(r"ansible_\w+|inventory_\w+|opsmend_\w+")
_PATTERN = r"[\w@%+=:,./-]{1,255}"  # no blank, quote or brace


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What an author wants: the remediation's name, its fault, and what no label gives."""

    name: str
    fault: str
    given: Mapping[str, str] = field(default_factory=dict)


def adopt(playbook: Path, wanted: Adoption, book: Rulebook, root: Path) -> tuple[list[Path], list[str]]:
    """Write a remediation around a playbook into a folder; return its files, and what is left to do.

    Raises OpsmendError for a bad name or an unknown fault, ConfigError for a variable that nothing gives,
    ConflictError rather than write over anything.
    """
    if not _NAME.fullmatch(wanted.name):
        raise OpsmendError(
            f"'{wanted.name}' is no name for a remediation; write lower case words joined by _"
        )
    if wanted.fault not in book.faults:
        raise OpsmendError(f"there is no fault '{wanted.fault}'; known: {', '.join(sorted(book.faults))}")
    folder = root / wanted.name
    if folder.exists():
        raise ConflictError(f"{folder} exists already")
    plays = read_ansible(playbook)
    if not isinstance(plays, list) or not all(isinstance(one, Mapping) for one in plays):
        raise ConfigError([Problem(playbook, "is no list of plays")])
    labels = _labels_of(wanted.fault, book)
    parameters = dict(_parameters(playbook, plays, labels, wanted.given))
    dangers = dangers_in(playbook, [name for name, one in parameters.items() if "from" in one])
    texts = {
        "remediation.yml": _dump(_metadata(wanted, parameters, "high" if dangers else "medium")),
        "playbook.yml": playbook.read_text(),
        **_scenario(wanted, parameters),
    }
    files = []
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        files.append(file)
    return files, list(_notes(playbook, plays, wanted, book, [one.does for one in dangers]))


def _labels_of(fault: str, book: Rulebook) -> set[str]:
    """Return the labels that name who has a fault."""
    named = {name for rule in book.rules.values() if rule.fault == fault for name in names(rule.entity)}
    return named | {"host", "instance"}


def _parameters(
    playbook: Path, plays: list[Mapping[str, Any]], labels: set[str], given: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    own = {name: value for play in plays for name, value in (play.get("vars") or {}).items()}
    made = set(_made(plays))
    missing = []
    for name in sorted((_used(plays) | own.keys() | given.keys()) - made):
        source = given.get(name, name)
        if source in labels:
            yield name, {"type": "string", "from": source, "pattern": _PATTERN}
        elif name in given:
            yield name, _default(yaml.safe_load(given[name]))
        elif name in own and isinstance(own[name], str | int | float) and "{{" not in str(own[name]):
            yield name, _default(own[name])
        elif name not in own:
            missing.append(name)
    if missing:
        known = ", ".join(sorted(labels))
        hint = f"give --set {missing[0]}=VALUE, or a label of the fault's rules: {known}"
        raise ConfigError(
            [Problem(playbook, f"nothing gives the variable '{one}'", hint=hint) for one in missing]
        )


def _default(value: Any) -> dict[str, Any]:
    kind = {bool: "boolean", int: "integer", float: "number"}.get(type(value), "string")
    return {"type": kind, "default": value if kind != "string" else str(value)}


def _used(node: Any, is_expression: bool = False) -> set[str]:
    """Return the variables that templates, and conditions, name."""
    if isinstance(node, Mapping):
        bare = ("when", "that", "until", "failed_when", "changed_when")
        return set().union(*(_used(value, key in bare) for key, value in node.items()), set())
    if isinstance(node, list):
        return set().union(*(_used(one, is_expression) for one in node), set())
    if not isinstance(node, str) or isinstance(node, Unsafe):
        return set()
    texts = _USED.findall(node) or ([node] if is_expression else [])
    found: set[str] = set()
    for text in texts:
        plain = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
        plain = re.sub(r"\|\s*\w+|\bis\s+(not\s+)?\w+", " ", plain)  # filters and tests
        found |= set(_WORD.findall(plain))
    return {one for one in found if one not in _JINJA and not _MAGIC.fullmatch(one)}


def _made(node: Any) -> Iterator[str]:
    """Yield the variables that tasks make themselves."""
    if isinstance(node, Mapping):
        if isinstance(node.get("register"), str):
            yield node["register"]
        for key, value in node.items():
            if str(key).rpartition(".")[2] == "set_fact" and isinstance(value, Mapping):
                yield from map(str, value)
            if key == "loop_control" and isinstance(value, Mapping) and value.get("loop_var"):
                yield str(value["loop_var"])
            yield from _made(value)
    elif isinstance(node, list):
        for one in node:
            yield from _made(one)


def _metadata(wanted: Adoption, parameters: Mapping[str, Any], risk: str) -> dict[str, Any]:
    return {
        "summary": f"Runs a playbook of this site for {wanted.fault}",
        "fixes": [wanted.fault],
        "risk": risk,
        "idempotent": False,
        "target": "{host}",
        **({"parameters": dict(parameters)} if parameters else {}),
        "steps": [{"name": "run", "playbook": "playbook.yml", "timeout": "10m"}],
        # what the fault's own rules see must be over
        "verify": {"settle": "30s", "within": "10m", "hold": "2m", "checks": [{"anomalies": "closed"}]},
        "rollback": {"none": "Nobody has written yet how this is taken back"},
        "limits": {"hosts": 1, "cooldown": "1h", "per_day": 2},
    }


def _scenario(wanted: Adoption, parameters: Mapping[str, Any]) -> dict[str, str]:
    values = {
        name: one.get("default", f"a {one['from']}" if "from" in one else "")
        for name, one in parameters.items()
    }
    converge = {"name": "Repair it", "ansible.builtin.import_playbook": "../../playbook.yml", "vars": values}
    todo = {
        "healthy": "bring the hosts into good health",
        "prepare": f"cause {wanted.fault} on the host",
        "verify": "look whether it is gone, fact by fact",
    }
    texts = {
        f"molecule/default/{name}.yml": _dump([_unwritten(f"{what[0].upper()}{what[1:]}", what)])
        for name, what in todo.items()
    }
    platforms = {"platforms": [{"name": "target", "fault": wanted.fault}, {"name": "bystander"}]}
    texts["molecule/default/molecule.yml"] = _dump(platforms)
    texts["molecule/default/converge.yml"] = _dump([converge])
    return texts


def _unwritten(name: str, what: str) -> dict[str, Any]:
    said = {"msg": f"write here what it takes to {what}"}
    return {
        "name": name,
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"name": name, "ansible.builtin.fail": said}],
    }


def _notes(
    playbook: Path, plays: list[Mapping[str, Any]], wanted: Adoption, book: Rulebook, dangers: list[str]
) -> Iterator[str]:
    for does in dict.fromkeys(dangers):
        yield f"it {does}: the risk is high, so people are asked, and it must keep evidence"
    if any(str(play.get("hosts")) in ("localhost", "127.0.0.1") for play in plays):
        yield "a play runs on localhost: a run reaches its target and nothing else"
    if any("include" in str(key) or "import" in str(key) for key in _keys(plays)):
        yield f"it takes in files from beside {playbook}: copy them too, or make them roles"
    if book.faults[wanted.fault].for_people:
        yield f"the fault {wanted.fault} is for people: nothing is run for it until 'for_people' goes"
    yield "the scenario says what to write: how hosts are well, how one breaks, how one sees it mended"


def _keys(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield str(key)
            yield from _keys(value)
    elif isinstance(node, list):
        for one in node:
            yield from _keys(one)


def _dump(content: Any) -> str:
    return "---\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
