"""A playbook in, the roles that it uses out; a role in, the arguments that it takes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent.config.yamlfile import load_bounded, read_yaml
from agent.errors import ConfigError, Problem


class _AnsibleLoader(yaml.SafeLoader):
    """YAML with Ansible's own tags; values of others than !unsafe, as of !vault, are of no interest here."""


class Unsafe(str):
    """A text that Ansible takes as it stands, whatever braces are in it."""

    __slots__ = ()


def _unsafe(loader: _AnsibleLoader, node: yaml.Node) -> Any:
    return Unsafe(loader.construct_scalar(node)) if isinstance(node, yaml.ScalarNode) else None


_AnsibleLoader.add_multi_constructor("!", lambda loader, tag, node: None)
_AnsibleLoader.add_constructor("!unsafe", _unsafe)

TASK_LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always")
_ACTIONS = ("import_role", "include_role")
_KEYWORDS = frozenset({"role", "name", "vars", "when", "tags", "become"})


@dataclass(frozen=True, slots=True)
class RoleUse:
    """A role as a playbook uses it: by which entry, and which variables the playbook sets itself."""

    playbook: Path
    role: str
    entry: str
    given: frozenset[str]


def role_uses(playbook: Path) -> list[RoleUse]:
    """Return the roles of a playbook, in its ``roles`` and in its tasks. Raises ConfigError."""
    plays = read_ansible(playbook)
    if not isinstance(plays, list):
        raise ConfigError([Problem(playbook, "is no list of plays")])
    uses = [use for play in plays if isinstance(play, Mapping) for use in _of_play(play, playbook)]
    # what a variable names, and what comes from a collection, is not known before the run
    return [use for use in uses if "{{" not in use.role and "." not in use.role]


def option_types(use: RoleUse, folders: Iterable[Path]) -> tuple[dict[str, str], frozenset[str]]:
    """Return the type of each argument of a role, and which arguments it requires.

    Raises ConfigError when there is no such role, or when it does not describe its arguments.
    """
    folder = next((one / use.role for one in folders if (one / use.role).is_dir()), None)
    if folder is None:
        raise ConfigError([Problem(use.playbook, f"there is no role '{use.role}'")])
    file = folder / "meta" / "argument_specs.yml"
    specs = read_yaml(file).data if file.is_file() else None
    entries = specs.get("argument_specs") if isinstance(specs, Mapping) else None
    if not isinstance(entries, Mapping) or use.entry not in entries:
        raise ConfigError([Problem(file, f"does not describe the arguments of '{use.entry}'")])
    options: Mapping[str, Any] = (entries[use.entry] or {}).get("options") or {}
    types = {name: str((option or {}).get("type", "str")) for name, option in options.items()}
    return types, frozenset(name for name, option in options.items() if (option or {}).get("required"))


def roles_of(folder: Path) -> set[str]:
    """Return the names of all roles that the playbooks in a remediation's folder use."""
    names: set[str] = set()
    for playbook in folder.glob("*.yml"):
        if isinstance(read_ansible(playbook), list):
            names |= {use.role for use in role_uses(playbook)}
    return names


def needed_roles(names: Iterable[str], folders: Iterable[Path]) -> set[str]:
    """Return roles together with those that they depend on or include themselves."""
    folders = list(folders)
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        for folder in folders:
            meta = folder / name / "meta" / "main.yml"
            if meta.is_file():
                todo += [_name_of(one) for one in (read_yaml(meta).data or {}).get("dependencies") or ()]
            for tasks in _task_files(folder / name):
                todo += [use.role for use in _of_tasks(read_ansible(tasks), tasks, frozenset())]
    return found


def _task_files(role: Path) -> Iterator[Path]:
    for part in ("tasks", "handlers"):
        yield from (one for one in sorted((role / part).rglob("*")) if one.suffix in {".yml", ".yaml"})


def read_ansible(file: Path) -> Any:
    """Return what a file of plays or tasks holds, without values under Ansible's tags but !unsafe.

    Raises ConfigError.
    """
    try:
        return load_bounded(file.read_text(), _AnsibleLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError([Problem(file, f"is not valid YAML: {str(error).splitlines()[0]}")]) from error
    except (OSError, ValueError) as error:
        raise ConfigError([Problem(file, f"cannot be read: {error}")]) from error


def _of_play(play: Mapping[str, Any], playbook: Path) -> Iterator[RoleUse]:
    variables = frozenset(play.get("vars") or ())
    for role in play.get("roles") or ():
        given = (
            frozenset(role) - _KEYWORDS | frozenset(role.get("vars") or ())
            if isinstance(role, Mapping)
            else set()
        )
        yield RoleUse(playbook, _name_of(role), "main", variables | given)
    for key in TASK_LISTS:
        yield from _of_tasks(play.get(key), playbook, variables)


def _of_tasks(tasks: Any, playbook: Path, outer: frozenset[str]) -> Iterator[RoleUse]:
    for task in tasks if isinstance(tasks, list) else []:
        if not isinstance(task, Mapping):
            continue
        variables = outer | frozenset(task.get("vars") or ())
        for action in _ACTIONS:
            call = task.get(f"ansible.builtin.{action}", task.get(action))
            if isinstance(call, Mapping) and "name" in call:
                yield RoleUse(playbook, str(call["name"]), str(call.get("tasks_from", "main")), variables)
        for key in TASK_LISTS:
            yield from _of_tasks(task.get(key), playbook, variables)


def _name_of(role: Any) -> str:
    return str(role.get("role", role.get("name"))) if isinstance(role, Mapping) else str(role)
