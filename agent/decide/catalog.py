"""Folders of remediations in, the checked catalog out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.config.playbookfile import check_playbooks
from agent.config.promises import promised_labels
from agent.config.remediationfile import QueryCheck, RemediationFile, playbooks_of
from agent.config.rulefiles import Fault, Rulebook
from agent.config.yamlfile import Document, KeyPath, read_yaml, validate
from agent.decide.surroundings import SURROUNDINGS
from agent.errors import ConfigError, Problem, gathering
from agent.placeholders import names

METADATA = "remediation.yml"
ROLES = "roles"
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,63}$")
_NOT_REMEDIATIONS = frozenset({"roles", "collections", "molecule", "tasks", "templates", "files"})


@dataclass(frozen=True, slots=True)
class Remediation:
    """One remediation as it was found on disk.

    ``digest`` is that of the copy of everything that it can carry out, and empty where none was made.
    """

    name: str
    folder: Path
    file: RemediationFile
    digest: str = ""


def load_catalog(folders: Iterable[Path], faults: Mapping[str, Fault]) -> dict[str, Remediation]:
    """Read every remediation, a later folder replacing by name.

    Raises ConfigError with every problem of every file.
    """
    catalog: dict[str, Remediation] = {}
    problems: list[Problem] = []
    folders = list(folders)
    roles = [root / ROLES for root in reversed(folders)]
    for root in folders:
        if not root.is_dir():
            problems.append(Problem(root, "is no folder", hint="set paths.playbooks"))
            continue
        for folder in sorted(path for path in root.iterdir() if _may_be_remediation(path)):
            with gathering(problems):
                catalog[folder.name] = load_remediation(folder, faults, roles)
    if problems:
        raise ConfigError(problems)
    return catalog


def load_remediation(
    folder: Path, faults: Mapping[str, Fault], roles: Sequence[Path] | None = None
) -> Remediation:
    """Read one remediation. Raises ConfigError with every problem found.

    ``roles`` are the folders in which roles are looked for, those beside the remediation by default.
    """
    file = folder / METADATA
    if not _NAME.match(folder.name):
        raise ConfigError([Problem(folder, "is no name for a remediation", hint="lower case, words by _")])
    if not file.is_file():
        raise ConfigError([Problem(folder, f"has no {METADATA}", hint="opsmend playbooks new")])
    document = read_yaml(file)
    content = validate(RemediationFile, document)
    problems = [*_check_playbooks(content, document, folder), *_check_names(content, document, faults)]
    playbooks = [folder / name for name in playbooks_of(content)]
    problems += check_playbooks(
        playbooks, folder.parent, roles or [folder.parent / ROLES], frozenset(content.companions)
    )
    if problems:
        raise ConfigError(problems)
    return Remediation(folder.name, folder, content)


def check_verifiable(catalog: Mapping[str, Remediation], book: Rulebook) -> Iterator[Problem]:
    """Yield every placeholder of a check that a rule for one of the faults does not promise a value for.

    What such a rule finds could be treated and not checked. A fault that no rule is for is found by other
    means: what its diagnosis lacks is seen when the plan is made.
    """
    for remediation in catalog.values():
        document = read_yaml(remediation.folder / METADATA)
        given = _given(remediation.file)
        for rule in book.rules.values():
            if rule.fault not in remediation.file.fixes:
                continue
            known = given | promised_labels(rule, book.signals)
            for path, query in remediation.file.verify.queries():
                for name in sorted(set(names(query)) - known):
                    what = f"rule '{rule.id}' for fault '{rule.fault}'"
                    yield document.problem(
                        ("verify", *path),
                        f"asks for '{name}', which {what} does not promise",
                        f"known: {', '.join(sorted(known))}; name it in the rule's entity",
                    )


def _given(file: RemediationFile) -> frozenset[str]:
    """Return what can be asked for whichever rule a plan is from: without it there would be no plan."""
    wanted = {one.from_ for one in file.parameters.values() if one.from_ and one.default is None}
    return frozenset(file.parameters) | SURROUNDINGS | wanted | set(names(file.target))


def _may_be_remediation(path: Path) -> bool:
    return path.is_dir() and path.name not in _NOT_REMEDIATIONS and not path.name.startswith(".")


def _check_playbooks(content: RemediationFile, document: Document, folder: Path) -> Iterator[Problem]:
    wanted: list[tuple[KeyPath, str]] = [
        (("steps", index, "playbook"), step.playbook) for index, step in enumerate(content.steps)
    ]
    if content.rollback.playbook:
        wanted.append((("rollback", "playbook"), content.rollback.playbook))
    for path, playbook in wanted:
        if not (folder / playbook).is_file():
            yield document.problem(path, f"there is no file {folder / playbook}")


def _check_names(
    content: RemediationFile, document: Document, faults: Mapping[str, Fault]
) -> Iterator[Problem]:
    for index, fault in enumerate(content.fixes):
        if fault not in faults:
            known = ", ".join(sorted(faults))
            yield document.problem(("fixes", index), f"there is no fault '{fault}'", f"known: {known}")
    for index, check in enumerate(content.verify.checks):
        if isinstance(check, QueryCheck) and not names(check.query):
            yield document.problem(
                ("verify", "checks", index, "query"),
                "names no label, so it would judge every host alike",
                "narrow it with a placeholder such as {host}",
            )
