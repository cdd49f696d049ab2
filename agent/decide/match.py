"""A candidate and the catalog in, the remediations that fix its fault out, the best first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from agent.decide.catalog import Remediation
from agent.decide.parameters import bind_parameters
from agent.decide.targets import resolve_target
from agent.records import Candidate, InventoryHost, Plan


def find_remediations(
    candidate: Candidate, catalog: Iterable[Remediation], tried: Collection[str] = ()
) -> list[Remediation]:
    """Return what fixes the candidate's fault and was not tried yet, by priority, then by name."""
    fitting = [
        remediation
        for remediation in catalog
        if candidate.fault in remediation.file.fixes and remediation.name not in tried
    ]
    return sorted(fitting, key=lambda one: (-one.file.priority, one.name))


def make_plan(remediation: Remediation, candidate: Candidate, hosts: Mapping[str, InventoryHost]) -> Plan:
    """Make a remediation concrete for a candidate. Raises UnresolvedTarget or ParameterError."""
    file = remediation.file
    return Plan(
        remediation=remediation.name,
        digest=remediation.digest,
        fault=candidate.fault,
        entity=candidate.entity,
        confidence=candidate.confidence,
        hosts=resolve_target(file.target, candidate.labels, hosts, file.limits.hosts),
        parameters=bind_parameters(file.parameters, candidate.labels),
        labels=candidate.labels,
    )
