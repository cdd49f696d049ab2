"""Contributors' files in, checked and scaled: signals, rules, faults, policy, remediations, cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from agent.config import (
    PolicyFile,
    Rulebook,
    Settings,
    load_cases,
    load_policy,
    load_rules,
    scale_policy,
    scale_remediation,
    scale_rule,
)
from agent.config.holidayfile import load_holidays
from agent.config.remediationfile import RemediationFile
from agent.config.yamlfile import read_yaml, validate
from agent.decide import Remediation, load_catalog
from agent.decide.catalog import METADATA, check_verifiable
from agent.errors import ConfigError, Problem, RunError, gathering
from agent.records.cases import PastCase
from agent.remediate import Snapshots


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """What contributors wrote, checked."""

    book: Rulebook
    catalog: Mapping[str, Remediation]
    policy: PolicyFile
    cases: Sequence[PastCase] = ()
    holidays: frozenset[date] = frozenset()


@dataclass(slots=True)
class Current:
    """The settings and definitions in force. A reload replaces each as a whole."""

    settings: Settings
    definitions: Definitions

    def catalog(self) -> Mapping[str, Remediation]:
        """Return the remediations in force."""
        return self.definitions.catalog

    def policy(self) -> PolicyFile:
        """Return the policy in force."""
        return self.definitions.policy

    def holidays(self) -> frozenset[date]:
        """Return the days of rest that are no weekend."""
        return self.definitions.holidays

    def book(self) -> Rulebook:
        """Return the signals, faults and rules in force."""
        return self.definitions.book


def load_steps(folder: Path, factor: float) -> RemediationFile:
    """Read what a copied remediation does, its times scaled. Raises ConfigError."""
    content = validate(RemediationFile, read_yaml(folder / METADATA))
    return content if factor == 1 else scale_remediation(content, factor)


def with_digests(definitions: Definitions, snapshots: Snapshots) -> Definitions:
    """Keep a copy of what each remediation can carry out, and let plans name it by its digest.

    Raises ConfigError for what cannot be copied, or what others may write.
    """
    try:
        snapshots.check()
    except RunError as error:
        raise ConfigError([Problem("ansible.cfg", str(error))]) from error
    catalog = {
        name: replace(one, digest=snapshots.take(one.folder)) for name, one in definitions.catalog.items()
    }
    return replace(definitions, catalog=catalog)


def load_definitions(settings: Settings) -> Definitions:
    """Read rules, policy and remediations. Raises ConfigError with the problems of all."""
    problems: list[Problem] = []
    book = Rulebook({}, {}, {})
    policy: PolicyFile | None = None
    catalog: Mapping[str, Remediation] = {}
    cases: Sequence[PastCase] = ()
    holidays: frozenset[date] = frozenset()
    with gathering(problems):
        book = load_rules(settings.paths.rules)
    with gathering(problems):
        policy = load_policy(settings.paths.rules, settings.notify.targets)
    if book.faults:  # without the fault catalogue every remediation would look wrong
        with gathering(problems):
            catalog = load_catalog(settings.paths.playbooks, book.faults)
            problems += check_verifiable(catalog, book)
        with gathering(problems):
            cases = load_cases(settings.paths.rules, book.faults)
    with gathering(problems):
        holidays = load_holidays(settings.paths.rules)
    if problems or policy is None:
        raise ConfigError(problems)
    definitions = Definitions(book=book, catalog=catalog, policy=policy, cases=cases, holidays=holidays)
    return _scaled(definitions, settings.agent.time_scale)


def _scaled(definitions: Definitions, factor: float) -> Definitions:
    if factor == 1:
        return definitions
    book, catalog = definitions.book, definitions.catalog
    return Definitions(
        book=replace(
            book,
            rules={id_: scale_rule(rule, factor) for id_, rule in book.rules.items()},
            harms={id_: scale_rule(harm, factor) for id_, harm in book.harms.items()},
        ),
        catalog={
            name: replace(one, file=scale_remediation(one.file, factor)) for name, one in catalog.items()
        },
        policy=scale_policy(definitions.policy, factor),
        cases=definitions.cases,
        holidays=definitions.holidays,
    )
