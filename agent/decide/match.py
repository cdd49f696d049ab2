"""A candidate and the catalog in, the remediations that fix its fault out, the best first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from agent.decide.catalog import Remediation
from agent.decide.guards import History
from agent.decide.ordering import Standing, outcomes, standing_of
from agent.decide.parameters import FORESEEN, bind_parameters
from agent.decide.surroundings import with_surroundings
from agent.decide.targets import UnresolvedTarget, resolve_hosts
from agent.records import Candidate, InventoryHost, Option, Plan

_OF_ALL = frozenset({"all", "ungrouped"})  # groups that tell nothing of a host


@dataclass(frozen=True, slots=True)
class Fit:
    """A remediation that fits a candidate, and what it is ranked by.

    ``over`` names one of higher priority that it is clearly better than.
    """

    remediation: Remediation
    standing: Standing
    over: str = ""

    @property
    def score(self) -> float:
        """Return how much is expected of it: one that fixes ten faults fits each of them less well."""
        return self.standing.expected / (1 + 0.02 * (len(self.remediation.file.fixes) - 1))

    @property
    def option(self) -> Option:
        """Return what people are shown of it."""
        note = f"priority {self.remediation.file.priority}, {self.standing.text}"
        if self.over:
            note = f"{note}, clearly better than {self.over}"
        return Option(remediation=self.remediation.name, score=round(self.score, 4), note=note)


def rank_remediations(
    candidate: Candidate,
    catalog: Iterable[Remediation],
    history: History,
    tried: Collection[str] = (),
    hosts: Mapping[str, InventoryHost] | None = None,
) -> list[Fit]:
    """Return what fixes the candidate's fault and was not tried yet, the best first.

    The author's priority counts first, then the measured success with this fault on hosts of this kind.
    One of lower priority goes before another where it is clearly better. Without ``hosts`` the kind is
    not known, and all runs count.
    """
    fits = [
        Fit(remediation, _standing(remediation, candidate, history, hosts or {}))
        for remediation in catalog
        if remediation.file.is_for(candidate.fault, candidate.foreseen is not None)
        and remediation.name not in tried
    ]
    fits.sort(key=lambda fit: (-fit.remediation.file.priority, -fit.score, fit.remediation.name))
    ranked: list[Fit] = []
    for fit in fits:
        place = len(ranked)
        while place and fit.standing.is_clearly_better(ranked[place - 1].standing):
            place -= 1
        passed = ranked[place:]
        priority = fit.remediation.file.priority
        over = [one.remediation.name for one in passed if one.remediation.file.priority > priority]
        ranked.insert(place, Fit(fit.remediation, fit.standing, over[0] if over else ""))
    return ranked


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
    foreseen = "true" if candidate.foreseen is not None else "false"
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
        groups=tuple(sorted(_groups(touched))),
        parameters=bind_parameters(file.parameters, {**labels, FORESEEN: foreseen}),
        labels=labels,
        rules_digest=rules_digest,
    )


def _standing(
    remediation: Remediation, candidate: Candidate, history: History, hosts: Mapping[str, InventoryHost]
) -> Standing:
    groups: frozenset[str] = frozenset()
    file = remediation.file
    with suppress(UnresolvedTarget):  # what has no host is refused when its plan is made
        labels = with_surroundings(candidate.labels, hosts, ())
        found = resolve_hosts(file.target, file.companions, labels, hosts, file.limits.hosts)
        groups = _groups((*found.targets, *found.companions))
    return standing_of(outcomes(history.trials(remediation.name), candidate.fault, groups))


def _groups(hosts: Iterable[InventoryHost]) -> frozenset[str]:
    return frozenset(name for host in hosts for name in host.groups) - _OF_ALL
