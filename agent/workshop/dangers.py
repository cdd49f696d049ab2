"""A remediation in, what is dangerous in its playbooks and roles, and not declared so, out.

What is dangerous ends something, removes something, cuts off or reboots. It needs ``risk: high``, so that the
policy asks people first, evidence of how things were, kept on the host, and a rollback or a reason for none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.decide import Remediation
from agent.errors import Problem
from agent.workshop.dangerwords import SAYING, does_of_command, does_of_module, is_gone
from agent.workshop.roles import needed_roles, read_ansible, roles_of
from agent.workshop.taskvalues import Call, Variables, calls_of, leads, loop_of, names_in, tainted, tasks_in

EVIDENCE = "/var/lib/opsmend/evidence"
_OWN = "agent_login"  # set up by hand, once
_INCLUDING = frozenset(
    {"include_tasks", "import_tasks", "include_role", "import_role", "include", "import_playbook"}
)
_WRITING = frozenset({"copy", "template", "blockinfile", "lineinfile"})
_FILTER = re.compile(r"\|\s*(\w+)")
# what leaves a command as it was written; others can make any command of any text
_PLAIN_FILTERS = frozenset(
    {"default", "d", "join", "list", "string", "trim", "quote", "first", "last", "map", "split"}
)
_OF_INVENTORY = "opsmend_"  # what they hold administrators have written
_IS_FACT = re.compile(r"ansible_\w+|role_path|playbook_dir")
_OUTSIDE = re.compile(r"\b(?:lookup|query|q)\s*\(")
_YAML, _PARTS = frozenset({".yml", ".yaml"}), ("tasks", "handlers", "defaults", "vars", "files", "templates")
_NOT_RUN = frozenset({"molecule", "remediation.yml"})
_SHALLOW = re.compile(r"/[\w.-]*/?\*?")


@dataclass(frozen=True, slots=True)
class Danger:
    """One dangerous task: where, and what it does."""

    file: Path
    line: int | None
    does: str


def check_dangers(remediation: Remediation, roles: Iterable[Path]) -> Iterator[Problem]:
    """Yield what a remediation that does something dangerous does not declare. Raises ConfigError."""
    folders = list(roles)
    files = _files(remediation, folders)
    labelled = {name for name, one in remediation.file.parameters.items() if one.from_}
    found = _dangers(files, labelled)
    if not found:
        return
    has_evidence = any(EVIDENCE in file.read_text(errors="replace") for file in files)
    for danger in found:
        if remediation.file.risk != "high":
            hint = "write 'risk: high', so that people are asked first, or use a module that cannot go wrong"
            yield Problem(
                danger.file, f"{danger.does}, and the risk is {remediation.file.risk}", danger.line, hint=hint
            )
        elif not has_evidence:
            hint = f"keep how things were under {EVIDENCE} before"
            yield Problem(danger.file, f"{danger.does}, and keeps no evidence", danger.line, hint=hint)


def dangers_in(file: Path, labelled: Iterable[str] = ()) -> list[Danger]:
    """Return the dangerous tasks of a file of plays or tasks; ``labelled`` are variables that labels give."""
    return _dangers([file], labelled)


def _dangers(files: Iterable[Path], labelled: Iterable[str]) -> list[Danger]:
    """Return what is dangerous in files of plays, tasks and variables, and in the scripts beside them."""
    contents = {file: read_ansible(file) for file in files if file.suffix in _YAML}
    variables = Variables()
    for content in contents.values():
        variables.learn(content)
    tasks = {file: list(tasks_in(content)) for file, content in contents.items()}
    given = tainted(labelled, variables, [task for some in tasks.values() for task in some])
    found = [
        Danger(file, _line(file, task), does)
        for file, some in tasks.items()
        for task in some
        if (does := _does(task, variables, given, file))
    ]
    for file, content in contents.items():
        plays = [one for one in content if isinstance(one, Mapping)] if isinstance(content, list) else []
        roles = [role for one in plays for role in one.get("roles") or ()]
        names = [role.get("role", role.get("name")) if isinstance(role, Mapping) else role for role in roles]
        found += [
            Danger(file, None, "uses a role that is not beside it") for name in names if _is_foreign(name)
        ]
    return found + [danger for file in files if file not in contents for danger in _in_script(file)]


def _in_script(file: Path) -> Iterator[Danger]:
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
        if not line.lstrip().startswith("#") and (does := does_of_command(line)):
            yield Danger(file, number, does)


def _files(remediation: Remediation, folders: list[Path]) -> list[Path]:
    """Return what a remediation consists of: its playbooks and what lies beside them, and its roles."""
    top = remediation.folder
    own = [one for one in sorted(top.rglob("*")) if one.relative_to(top).parts[0] not in _NOT_RUN]
    found = [one for one in own if _is_read(one)]
    for name in sorted(needed_roles(roles_of(remediation.folder), folders) - {_OWN}):
        folder = next((one / name for one in folders if (one / name).is_dir()), None)
        parts = [folder / part for part in _PARTS] if folder is not None else []
        found += [one for part in parts for one in sorted(part.rglob("*")) if _is_read(one)]
    return found


def _is_read(file: Path) -> bool:
    """Return whether a file holds plays, tasks or variables, or is a script."""
    if not file.is_file():
        return False
    if file.suffix in _YAML or file.suffix == ".sh":
        return True
    with file.open("rb") as stream:
        return stream.read(2) == b"#!"


def _does(task: Mapping[str, Any], variables: Variables, labelled: frozenset[str], file: Path) -> str:
    loop = loop_of(task)
    given = labelled | {name for name, values in loop.items() if names_in(values) & labelled}
    known = variables.with_loop(task) if loop else variables
    return next((does for call in calls_of(task) if (does := _of_call(call, known, given, file))), "")


def _of_call(call: Call, variables: Variables, labelled: frozenset[str], file: Path) -> str:
    arguments = {str(name): variables.said(value) for name, value in call.arguments.items()}
    if does := does_of_module(call.module, arguments):
        return does
    if call.module in SAYING:
        said = "\n".join(
            [variables.said(call.text), arguments.get("job", ""), arguments.get("responses", "")]
        )
        return does_of_command(said) or _of_unknown(call, variables, file)
    if call.module in _WRITING and variables.said(call.arguments.get("content", "")).startswith("#!"):
        return does_of_command(arguments["content"])
    if call.module in _INCLUDING and _is_elsewhere(call, variables):
        return "includes what is not beside it"
    if is_gone(arguments):
        return _of_removal(call, variables, labelled)
    return ""


def _of_unknown(call: Call, variables: Variables, file: Path) -> str:
    """Return what is dangerous in a command of which only a variable or a file knows what it is."""
    if call.module == "script":
        name = variables.texts(call.text, "").split()
        places = [file.parent, file.parent / "files", file.parent.parent / "files"]
        if not name or not any((place / name[0]).is_file() for place in places):
            return "runs a script that is not beside it"
    for template in leads(call.text):
        if any(name.startswith(_OF_INVENTORY) for name in variables.behind(names_in(template))):
            continue
        computed = {*_FILTER.findall(template)} - _PLAIN_FILTERS or _OUTSIDE.search(template)
        if computed or not variables.texts(template, " ").strip():
            return "runs what only a variable names"
    return ""


def _is_elsewhere(call: Call, variables: Variables) -> bool:
    """Return whether a call includes what is not among the files that were read, or may."""
    named = call.text or call.arguments.get("file") or call.arguments.get("name") or ""
    if call.module.endswith("_role"):
        return _is_foreign(named)
    unknown = [one for one in leads(named) if not variables.texts(one, " ").strip()]
    if unknown:
        return not all(_IS_FACT.fullmatch(name) for template in unknown for name in names_in(template))
    said = [line.strip() for line in variables.said(named).splitlines()]
    return any(line.startswith("/") or ".." in line.split("/") for line in said)


def _is_foreign(role: Any) -> bool:
    """Return whether a role is of a collection, or one that only a variable names."""
    return "{{" in str(role) or "." in str(role)


def _of_removal(call: Call, variables: Variables, labelled: frozenset[str]) -> str:
    paths = [call.arguments.get(key) for key in ("path", "dest", "name", "src") if call.arguments.get(key)]
    if names_in(paths) & labelled:
        return "removes a path that a label names"
    said = [line.strip() for path in paths for line in variables.said(path).splitlines()]
    if call.module == "file" and any(_SHALLOW.fullmatch(line) for line in said):
        return "removes a folder of the system"
    return ""


def _line(file: Path, task: Mapping[str, Any]) -> int | None:
    name, lines = str(task.get("name") or ""), file.read_text(errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if name and name in line), None)
