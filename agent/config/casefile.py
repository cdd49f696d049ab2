"""``rules/cases/*.yml``: past incidents that somebody wrote down, read strictly, as ``PastCase`` records."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from pydantic import Field

from agent.config.scalars import Confidence, Identifier, Text
from agent.config.yamlfile import Document, Strict, read_yaml, validate
from agent.errors import ConfigError, Problem, gathering
from agent.records.cases import PastCase

_BELIEF = 0.8  # in a written case, where 1 is a repair proved on metrics


class Case(Strict):
    """One past incident."""

    id: Identifier
    fault: Identifier
    summary: Text
    seen: dict[str, Confidence] = Field(
        min_length=1, description="what was seen of the entity, and how clearly, in 0..1"
    )
    helped: list[Identifier] = Field(default_factory=list, description="remediations that repaired it")


class CaseFile(Strict):
    """``rules/cases/*.yml``."""

    cases: list[Case]


def load_cases(folders: Iterable[Path], faults: Collection[str]) -> list[PastCase]:
    """Read the case books of the rule folders, a later one replacing by id.

    Raises ConfigError with every problem found in any file.
    """
    cases: dict[str, PastCase] = {}
    problems: list[Problem] = []
    for folder in folders:
        own: dict[str, PastCase] = {}
        for file in sorted(folder.glob("cases/*.yml")):
            with gathering(problems):
                document = read_yaml(file)
                problems += _take(validate(CaseFile, document), document, faults, own)
        cases |= own
    if problems:
        raise ConfigError(problems)
    return list(cases.values())


def _take(
    content: CaseFile, document: Document, faults: Collection[str], own: dict[str, PastCase]
) -> Iterable[Problem]:
    for index, case in enumerate(content.cases):
        if case.id in own:
            yield document.problem(("cases", index, "id"), f"case '{case.id}' stands already in this folder")
        if case.fault not in faults:
            yield document.problem(("cases", index, "fault"), f"there is no fault '{case.fault}'")
        own[case.id] = PastCase(
            id=case.id,
            fault=case.fault,
            fingerprint=case.seen,
            helped=tuple(case.helped),
            summary=case.summary,
            weight=_BELIEF,
        )
