"""A remediation's folder in, every mistake out that can be found without running it on a host."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from agent.config.casefile import load_cases
from agent.config.remediationfile import Parameter, QueryCheck
from agent.config.rulefiles import Rulebook
from agent.config.yamlfile import read_yaml
from agent.decide import Remediation
from agent.decide.catalog import METADATA, load_remediation
from agent.errors import ConfigError, OpsmendError, Problem, gathering
from agent.placeholders import fill, names
from agent.remediate.environment import ansible_environment
from agent.remediate.snapshot import ROLES
from agent.workshop.dangers import check_dangers
from agent.workshop.places import Places
from agent.workshop.roles import option_types, role_uses
from agent.workshop.scenario import load_scenario

_TIMEOUT_S = 300
_TYPES = {
    "string": {"str", "path", "raw"},
    "integer": {"int", "float", "raw"},
    "number": {"float", "raw"},
    "boolean": {"bool", "raw"},
}
# what Ansible itself gives to every play
_MAGIC = re.compile(r"ansible_\w+|inventory_\w+|opsmend_\w+")


def inspect_files(folder: Path, book: Rulebook, places: Places) -> list[Problem]:
    """Return the mistakes in the files themselves: metadata, parameters, roles, scenario, rules."""
    try:
        remediation = load_remediation(folder, book.faults)
    except ConfigError as error:
        return list(error.problems)
    problems: list[Problem] = []
    looks: tuple[Callable[[], Iterator[Problem]], ...] = (
        lambda: _check_faults(remediation, book, places),
        lambda: _check_parameters(remediation, places),
        lambda: _check_scenario(remediation),
        lambda: check_dangers(remediation, places.roles),
    )
    for look in looks:
        with gathering(problems):
            problems += look()
    return problems


def inspect_with_ansible(folder: Path, places: Places) -> list[Problem]:
    """Return what Ansible's own syntax check and ansible-lint's production profile say."""
    return [*_check_syntax(folder, places), *_lint(folder, places)]


def check_queries(remediation: Remediation) -> dict[str, str]:
    """Return the queries of a remediation's checks, placeholders filled, by where they stand."""
    queries = {}
    for index, check in enumerate(remediation.file.verify.checks):
        if isinstance(check, QueryCheck):
            for key, query in (("query", check.query), ("while", check.while_)):
                if query:
                    filled = fill(query, dict.fromkeys(names(query), "x"))
                    queries[f"{remediation.name} verify.checks[{index}].{key}"] = filled
    return queries


def _check_faults(remediation: Remediation, book: Rulebook, places: Places) -> Iterator[Problem]:
    document = read_yaml(remediation.folder / METADATA)
    found = {rule.fault for rule in book.rules.values()}
    found |= {case.fault for case in load_cases(places.rules, book.faults)}
    for index, fault in enumerate(remediation.file.fixes):
        if fault not in found:
            message = f"no rule and no case finds '{fault}', so this is never chosen for it"
            yield document.problem(("fixes", index), message, "add one to rules/diagnosis")


def _check_parameters(remediation: Remediation, places: Places) -> Iterator[Problem]:
    """Compare the parameters with the arguments of the roles that the playbooks use."""
    document = read_yaml(remediation.folder / METADATA)
    parameters = remediation.file.parameters
    uses, text = [], ""
    for playbook in _playbooks(remediation):
        uses += role_uses(playbook)
        text += playbook.read_text()
    arguments: dict[str, str] = {}
    for use in uses:
        try:
            types, required = option_types(use, places.roles)
        except ConfigError as error:
            yield from error.problems
            continue
        arguments |= types
        for name in sorted(required - parameters.keys() - use.given):
            message = f"role {use.role} needs '{name}', and nothing gives it"
            yield document.problem(
                ("parameters", name), message, "add a parameter, or a variable to the playbook"
            )
    for name, parameter in parameters.items():
        if name in arguments:
            if arguments[name] not in _TYPES[parameter.type]:
                message = f"is of type {parameter.type}, the role takes {arguments[name]}"
                yield document.problem(("parameters", name, "type"), message)
        elif not re.search(rf"\b{re.escape(name)}\b", text):
            hint = f"known arguments: {', '.join(sorted(arguments))}" if arguments else ""
            yield document.problem(("parameters", name), "no playbook and no role uses it", hint)
        if _MAGIC.fullmatch(name):
            yield document.problem(
                ("parameters", name), "is a name that Ansible or the inventory gives a meaning"
            )


def _playbooks(remediation: Remediation) -> list[Path]:
    files = [step.playbook for step in remediation.file.steps]
    files += [remediation.file.rollback.playbook] if remediation.file.rollback.playbook else []
    return [remediation.folder / file for file in dict.fromkeys(files)]


def _check_scenario(remediation: Remediation) -> Iterator[Problem]:
    scenario = load_scenario(remediation.folder)
    document = read_yaml(scenario.folder / "molecule.yml")
    place = next((n for n, one in enumerate(scenario.platforms) if one is scenario.target), 0)
    fixes = remediation.file.fixes
    if scenario.target.fault not in fixes:
        said = scenario.target.fault or "not said"
        message = f"the target's fault is {said}; the remediation fixes {', '.join(fixes)}"
        yield document.problem(("platforms", place, "fault"), message)
    converge = read_yaml(scenario.folder / "converge.yml")
    given = set(_variables(converge.data))
    for name, parameter in remediation.file.parameters.items():
        if name not in given and _must_be_given(parameter):
            yield converge.problem((0, "vars"), f"gives no '{name}', which a diagnosis would")


def _must_be_given(parameter: Parameter) -> bool:
    return parameter.default is None


def _variables(plays: object) -> Iterator[str]:
    for play in plays if isinstance(plays, list) else []:
        variables = play.get("vars") if isinstance(play, Mapping) else None
        yield from variables if isinstance(variables, Mapping) else ()


def _check_syntax(folder: Path, places: Places) -> Iterator[Problem]:
    for playbook in sorted(folder.glob("*.yml")):
        if playbook.name == METADATA:
            continue
        command = ["ansible-playbook", "--syntax-check", "-i", "localhost,", str(playbook.resolve())]
        done = _run(command, places, folder)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            yield Problem(playbook, " ".join(said[:4]) or "Ansible refuses it", key="syntax")


def _lint(folder: Path, places: Places) -> Iterator[Problem]:
    command = ["ansible-lint", "--offline", "--profile", "production", "-q", "--nocolor", "-f", "json"]
    command += ["--project-dir", str(folder.resolve().parent), str(folder.resolve())]
    done = _run(command, places, folder.resolve().parent)
    try:
        findings = json.loads(done.stdout or "[]")
    except ValueError:
        findings = []
    for one in findings:
        place = one["location"]
        begin = place.get("lines", {}).get("begin") or place.get("positions", {}).get("begin", {}).get("line")
        message = (one.get("content") or {}).get("body") or one["description"]
        yield Problem(folder.parent / place["path"], message, begin, one["check_name"])
    if done.returncode and not findings:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        yield Problem(folder, f"ansible-lint failed: {' '.join(said[-3:])}")


def _run(command: list[str], places: Places, folder: Path) -> subprocess.CompletedProcess[str]:
    roles = [role.resolve() for role in places.roles]
    try:
        return subprocess.run(
            command,
            env=ansible_environment(search={ROLES: roles}),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
        )
    except FileNotFoundError as error:
        message = f"{command[0]} is not installed; install opsmend[dev], or give --quick"
        raise OpsmendError(message) from error
    except subprocess.TimeoutExpired as error:
        raise OpsmendError(f"{command[0]} did not end within {_TIMEOUT_S} s") from error
