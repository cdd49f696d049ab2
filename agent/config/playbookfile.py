"""A playbook and what it loads in, what a run would have to refuse out, with file and line.

What only shows while it runs, as a template that names a host, is looked at there. Here is found what is
written plainly: a play for the agent's own machine, a task for another host, a file from elsewhere, a
question to people who are not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent.errors import ConfigError, Problem

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # twenty times as fast, where it was built
LOCALHOST = frozenset({"localhost", "127.0.0.1", "::1"})
_TASK_LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always")
_ROLE_FOLDERS = ("tasks", "handlers")
_BUILTIN = ("ansible.builtin.", "ansible.legacy.")
_FILES_OF = {
    "import_playbook": None,
    "include_tasks": "file",
    "import_tasks": "file",
    "include_vars": "file",
    "script": "cmd",
    "template": "src",
}
# they start a command, or write a file, on the agent's own machine
_WORKS_HERE = re.compile(r"""\b(lookup|query|q)\(\s*["'](ansible\.builtin\.)?(pipe|lines|password)["']""")
_LOOPS_HERE = ("with_pipe", "with_lines", "with_password")
# they hand a command to somebody who starts it later or elsewhere, without the run's mark and time limit
_WRAPPERS = (
    r"(?:then|do|else|if|while|until|sudo|doas|env|exec|nohup|setsid|time|timeout|xargs|nice|ionice|chrt|taskset"
    r"|stdbuf|chroot|flock|nsenter|runuser)"
)
_SHELL = r"(?:\w*sh|su|runuser)\b[^;&|\n]*?\s-\w*c\s+"
# variables, options with what they take, numbers and paths that a wrapper has before the command
_BEFORE_IT = r"(?:\w+=\S*\s+|-\S*(?:\s+[^\s-]\S*)?\s+|[\d/]\S*\s+){0,6}"
# a container in the background: "run" or "exec" and, among the options that follow it, -d
_OPTIONS = r"(?:\s+-\S+(?:\s+[^\s-]\S*)?){0,12}?"
_DETACHED = rf"(?:\s+\S+)??\s+(?:run|exec){_OPTIONS}\s+(?:-\w*d\w*|--detach(?:=true)?)(?:\s|$)"
_HANDS_OVER = re.compile(
    rf"(?:^|[;&|(`{{!\n]|\b{_WRAPPERS}\s|\b{_SHELL})\s*[\"']?{_BEFORE_IT}[\"']?(?:/\S*/)?"
    r"(systemd-run(?![^;&|#\n]*\s--scope\b)|at(?=\s+(?:-|now|\d|noon|midnight|teatime|to(?:day|morrow)))|batch|run0"
    rf"|tmux(?!\s+(?:ls|list|has|kill))|screen(?!\s+-+(?:ls|list|wipe|v))|(?:docker|podman|nerdctl)(?={_DETACHED}))"
    r"(?:[\s\"']|$)"
)
_COMMANDS = ("command", "shell", "raw")
_FILE_FOLDERS = ("", "tasks", "handlers", "vars", "templates", "files")


@dataclass(frozen=True, slots=True)
class _Context:
    """Where a node stands. ``root`` holds what a run works on, ``companions`` are the remediation's."""

    file: Path
    root: Path
    companions: frozenset[str]

    def problem(self, node: yaml.Node, key: str, message: str, hint: str) -> Problem:
        return Problem(self.file, message, node.start_mark.line + 1, key, hint)


def check_playbooks(
    playbooks: Iterable[Path], root: Path, roles: Iterable[Path], companions: frozenset[str]
) -> Iterator[Problem]:
    """Yield what in playbooks, in the files that they load and in their roles a run would refuse.

    ``roles`` are the folders in which roles are looked for. Raises ConfigError for what is no YAML.
    """
    roles = list(roles)
    done: set[Path] = set()
    waiting = [(file, root) for file in playbooks]
    while waiting:
        file, within = waiting.pop(0)
        if file in done or not file.is_file():
            continue
        done.add(file)
        context = _Context(file, within, companions)
        for value in _look(_compose(file), context):
            if isinstance(value, Problem):
                yield value
            elif isinstance(value, Path):
                waiting.append((value, within))
            else:
                waiting += [(one, folder.parent) for folder, one in _role_files(value, roles, set())]


def _look(node: yaml.Node | None, context: _Context) -> Iterator[str | Path | Problem]:
    """Yield names of roles, files that are loaded, and problems."""
    for entry in node.value if isinstance(node, yaml.SequenceNode) else ():
        if isinstance(entry, yaml.MappingNode):
            fields = {key.value: value for key, value in entry.value if isinstance(key, yaml.ScalarNode)}
            yield from _refused(fields, context)
            yield from _loaded(fields, context)
            for key in _TASK_LISTS:
                yield from _look(fields.get(key), context)


def _refused(fields: dict[str, yaml.Node], context: _Context) -> Iterator[Problem]:
    for key, check in _CHECKS.items():
        if key in fields:
            yield from check(fields[key], context)
    variables = fields.get("vars")
    if isinstance(variables, yaml.MappingNode):
        for key, value in variables.value:
            if key.value == "ansible_connection":
                yield from _check_connection(value, context)
    yield from _work_here(fields, context)
    yield from _hands_over(fields, context)
    pause = _action(fields, "pause")
    if pause is not None and not {"minutes", "seconds"} & set(_keys(pause)):
        yield context.problem(pause, "pause", "waits for a person", "give it seconds or minutes")


def _work_here(fields: dict[str, yaml.Node], context: _Context) -> Iterator[Problem]:
    """Yield what does something on the agent's own machine although the task is for a host."""
    if context.companions & LOCALHOST:
        return
    found = [(key, fields[key]) for key in _LOOPS_HERE if key in fields]
    fetch = _action(fields, "fetch")
    found += [("fetch", fetch)] if fetch is not None else []
    for key, node in fields.items():
        if key not in _TASK_LISTS and key != "roles":
            found += [(key, one) for one in _scalars(node) if _WORKS_HERE.search(one.value)]
    for key, node in found:
        hint = "do it on the host, or put localhost under companions"
        yield context.problem(node, key, "works on the agent's own machine", hint)


def _hands_over(fields: dict[str, yaml.Node], context: _Context) -> Iterator[Problem]:
    """Yield what is started by somebody who knows nothing of the run: it could not be ended with it."""
    found = [(name, "at") for name in fields if name in ("at", "ansible.posix.at")]
    for name in _COMMANDS:
        call = _action(fields, name)
        given = [call, fields.get("args")]
        if call is not None and (match := _HANDS_OVER.search(_said(given))):
            found.append((next(key for key, node in fields.items() if node is call), match[1]))
    for key, program in found:
        hint = "start it by the task itself, or as a unit that the host has"
        message = f"hands work to {program}, where it runs without the run's mark and time limit"
        yield context.problem(fields[key], key, message, hint)


def _said(nodes: Iterable[yaml.Node | None]) -> str:
    """Return the command that a task gives, in whichever of the ways."""
    said: list[str] = []
    for node in nodes:
        if isinstance(node, yaml.ScalarNode):
            said.append(str(node.value))
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            said += [" ".join(_texts(value))] if key.value in ("cmd", "argv", "_raw_params") else []
    return "\n".join(said)


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from _scalars(one)
    elif isinstance(node, yaml.MappingNode):
        for _, one in node.value:
            yield from _scalars(one)


def _check_hosts(node: yaml.Node, context: _Context) -> Iterator[Problem]:
    patterns = _texts(node)
    names = {part.strip() for text in patterns for part in text.replace(":", ",").split(",")} | set(patterns)
    if names & LOCALHOST and not context.companions & LOCALHOST:
        yield context.problem(
            node,
            "hosts",
            "is the agent's own machine",
            "write 'hosts: all', which is the target, or put localhost under companions in remediation.yml",
        )


def _check_delegate(node: yaml.Node, context: _Context) -> Iterator[Problem]:
    (name,) = _texts(node) or ("",)
    declared = context.companions & LOCALHOST if name in LOCALHOST else context.companions
    # which host a declared template or group will be is known later, and looked at then
    if name and "{{" not in name and not declared:
        message = f"is for {name}, which is neither the target nor a companion"
        yield context.problem(node, "delegate_to", message, "put it under companions in remediation.yml")


def _check_local_action(node: yaml.Node, context: _Context) -> Iterator[Problem]:
    if not context.companions & LOCALHOST:
        message = "is for the agent's own machine"
        yield context.problem(node, "local_action", message, "put localhost under companions")


def _check_connection(node: yaml.Node, context: _Context) -> Iterator[Problem]:
    for text in _texts(node):
        if _bare(text) == "local" and not context.companions & LOCALHOST:
            message = "leads to the agent's own machine instead of the target"
            yield context.problem(node, "connection", message, "say in the inventory how hosts are reached")


def _check_question(node: yaml.Node, context: _Context) -> Iterator[Problem]:
    yield context.problem(node, "vars_prompt", "asks a person", "make it a parameter")


def _check_debugger(node: yaml.Node, context: _Context) -> Iterator[Problem]:
    if _texts(node) != ("never",):
        yield context.problem(node, "debugger", "waits for a person", "remove it")


def _check_strategy(node: yaml.Node, context: _Context) -> Iterator[Problem]:
    if [_bare(text) for text in _texts(node)] == ["debug"]:
        yield context.problem(node, "strategy", "waits for a person", "remove it")


_CHECKS: dict[str, Callable[[yaml.Node, _Context], Iterator[Problem]]] = {
    "hosts": _check_hosts,
    "delegate_to": _check_delegate,
    "local_action": _check_local_action,
    "connection": _check_connection,
    "vars_prompt": _check_question,
    "debugger": _check_debugger,
    "strategy": _check_strategy,
}


def _loaded(fields: dict[str, yaml.Node], context: _Context) -> Iterator[str | Path | Problem]:
    roles = fields.get("roles")
    for one in roles.value if isinstance(roles, yaml.SequenceNode) else ():
        yield from _role_names(one)
    for action in ("import_role", "include_role"):
        call = _action(fields, action)
        if call is not None:
            yield from _role_names(call)
    files = [(value, text) for value in (fields.get("vars_files"),) if value for text in _texts(value)]
    for action, option in _FILES_OF.items():
        call = _action(fields, action)
        if call is not None:
            files += [(call, text) for text in _named(call, option)]
    for node, text in files:
        found = _check_file(node, text, context) if text and "{{" not in text else None
        if found is not None:
            yield found


def _check_file(node: yaml.Node, text: str, context: _Context) -> Problem | Path | None:
    """Return the file that is meant, why it cannot be loaded, or None where only Ansible knows."""
    if text.startswith(("/", "~")):
        message = f"{text} is no part of what a run works on"
        return context.problem(node, "file", message, "lay it beside the remediation and write it relative")
    bases = (context.file.parent, context.file.parent.parent)
    places = [(base / folder / text).resolve() for base in bases for folder in _FILE_FOLDERS]
    found = [place for place in places if place.is_file()]
    inside = [place for place in found if place.is_relative_to(context.root.resolve())]
    if found and not inside:
        message = f"{text} is outside of {context.root}, and no part of what a run works on"
        return context.problem(node, "file", message, "lay it beside the remediation or into its folder")
    return inside[0] if inside and inside[0].suffix in (".yml", ".yaml") else None


def _role_files(name: str, folders: Sequence[Path], done: set[str]) -> Iterator[tuple[Path, Path]]:
    """Yield the folder of roles and the files with tasks, of a role and of those it depends on."""
    place = next((one for one in folders if (one / name).is_dir()), None)
    if place is None or name in done:
        return
    done.add(name)
    for part in _ROLE_FOLDERS:
        yield from ((place, file) for file in sorted((place / name / part).rglob("*.y*ml")))
    meta = place / name / "meta" / "main.yml"
    content = _compose(meta) if meta.is_file() else None
    for key, value in content.value if isinstance(content, yaml.MappingNode) else ():
        if key.value == "dependencies" and isinstance(value, yaml.SequenceNode):
            for one in (role for entry in value.value for role in _role_names(entry)):
                yield from _role_files(one, folders, done)


def _role_names(node: yaml.Node) -> list[str]:
    if isinstance(node, yaml.MappingNode):
        named = (value for key, value in node.value if key.value in ("role", "name"))
        return [str(one.value) for one in named if isinstance(one, yaml.ScalarNode)]
    return list(_texts(node))


def _action(fields: dict[str, yaml.Node], name: str) -> yaml.Node | None:
    return next((fields[key] for key in (name, *(f"{one}{name}" for one in _BUILTIN)) if key in fields), None)


def _named(call: yaml.Node, option: str | None) -> list[str]:
    if isinstance(call, yaml.ScalarNode):
        return [str(call.value)]
    if isinstance(call, yaml.MappingNode) and option:
        wanted = (option, "_raw_params")
        return [v.value for k, v in call.value if k.value in wanted and isinstance(v, yaml.ScalarNode)]
    return []


def _keys(node: yaml.Node) -> list[str]:
    if isinstance(node, yaml.MappingNode):
        return [str(key.value) for key, _ in node.value]
    return [word.split("=")[0] for text in _texts(node) for word in text.split()]


def _texts(node: yaml.Node | None) -> tuple[str, ...]:
    if isinstance(node, yaml.ScalarNode):
        return (str(node.value),)
    if isinstance(node, yaml.SequenceNode):
        return tuple(str(one.value) for one in node.value if isinstance(one, yaml.ScalarNode))
    return ()


def _bare(name: str) -> str:
    for prefix in _BUILTIN:
        name = name.removeprefix(prefix)
    return name


def _compose(file: Path) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(file.read_text(encoding="utf-8"), _Loader)
        return node
    except yaml.YAMLError as error:
        raise ConfigError([Problem(file, f"is not valid YAML: {str(error).splitlines()[0]}")]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(file, f"cannot be read: {error}")]) from error
