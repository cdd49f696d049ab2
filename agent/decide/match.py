"""A candidate and the catalog in, the remediations that fix its fault out, the best first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from agent.decide.catalog import Remediation
from agent.decide.guards import History
from agent.decide.parameters import bind_parameters
from agent.decide.surroundings import with_surroundings
from agent.decide.targets import resolve_hosts
from agent.records import Candidate, InventoryHost, Option, Plan

# what is believed of a remediation before it was ever tried: three successes in four
_PRIOR_GOOD, _PRIOR_ALL = 3.0, 4.0
_OF_ALL = frozenset({"all", "ungrouped"})  # groups that tell nothing of a host


@dataclass(frozen=True, slots=True)
class Fit:
    """A remediation that fits a candidate, and how well."""

    remediation: Remediation
    score: float
    note: str

    @property
    def option(self) -> Option:
        """Return what people are shown of it."""
        return Option(remediation=self.remediation.name, score=self.score, note=self.note)


def rank_remediations(
    candidate: Candidate,
    catalog: Iterable[Remediation],
    history: History,
    tried: Collection[str] = (),
) -> list[Fit]:
    """Return what fixes the candidate's fault and was not tried yet, the best first.

    The score multiplies how specific the remediation is (one that fixes ten faults fits each of them
    less well), the author's priority, the diagnosis' confidence and the measured success with this
    fault, as the mean of a Beta posterior.
    """
    fits = [
        _rate(remediation, candidate, history)
        for remediation in catalog
        if remediation.file.is_for(candidate.fault, candidate.foreseen is not None)
        and remediation.name not in tried
    ]
    return sorted(fits, key=lambda fit: (-fit.score, fit.remediation.name))


def make_plan(
    remediation: Remediation,
    candidate: Candidate,
    hosts: Mapping[str, InventoryHost],
    rules_digest: str = "",
    troubled: Collection[str] = (),
) -> Plan:
    """Make a remediation concrete for a candidate. Raises UnresolvedTarget or ParameterError."""
    file = remediation.file
    labels = with_surroundings(candidate.labels, hosts, troubled)
    found = resolve_hosts(file.target, file.companions, labels, hosts, file.limits.hosts)
    touched = (*found.targets, *found.companions)
    return Plan(
        remediation=remediation.name,
        digest=remediation.digest,
        fault=candidate.fault,
        entity=candidate.entity,
        confidence=candidate.confidence,
        hosts=tuple(host.name for host in found.targets),
        companions=tuple(host.name for host in found.companions),
        identities=found.identities,
        names=tuple(sorted({name for host in touched for name in host.names})),
        groups=tuple(sorted({name for host in touched for name in host.groups} - _OF_ALL)),
        parameters=bind_parameters(file.parameters, labels),
        labels=labels,
        rules_digest=rules_digest,
    )


def _rate(remediation: Remediation, candidate: Candidate, history: History) -> Fit:
    file = remediation.file
    good, tried = history.success(remediation.name, candidate.fault)
    success = (good + _PRIOR_GOOD) / (tried + _PRIOR_ALL)
    specific = 1 / (1 + 0.02 * (len(file.fixes) - 1))
    score = specific * (0.5 + file.priority / 100) / 1.5 * candidate.confidence * success
    helped = f"helped {good} of {tried} times" if tried else "no record yet"
    return Fit(remediation, round(score, 4), f"priority {file.priority}, {helped}")
