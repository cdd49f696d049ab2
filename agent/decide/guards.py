"""A plan in, what forbids it now out: every guard fails closed and is asked again before the start.

The guards stand in one tuple, in the order in which they are asked; the first that objects decides.
All of them look at the store and the policy alone, so a restart forgets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from agent.config.policyfile import PolicyFile, RemediationRule
from agent.config.remediationfile import RemediationFile
from agent.config.scalars import format_duration
from agent.decide.policy import find_window
from agent.reasons import Reason
from agent.records import InventoryHost, Plan, Verdict

_DAY = timedelta(days=1)


class History(Protocol):
    """What the guards ask of the past."""

    def last_start(self, remediation: str, host: str, fault: str, entity: str) -> datetime | None:
        """Return when this remediation was last started on this host for this fault of this entity."""

    def starts_since(self, remediation: str, host: str, since: datetime) -> int:
        """Return how often this remediation was started on this host since then."""

    def hosts_since(self, since: datetime) -> frozenset[str]:
        """Return the hosts on which anything was started since then."""

    def busy_hosts(self) -> frozenset[str]:
        """Return the hosts on which a run is at work."""

    def troubled_hosts(self) -> frozenset[str]:
        """Return the hosts with an incident that is not over."""

    def incidents_since(self, since: datetime) -> int:
        """Return how many incidents were opened since then."""

    def recoveries_since(self, fault: str, entity: str, since: datetime) -> int:
        """Return how often this fault on this entity was healed since then."""

    def last_verdicts(self, remediation: str, count: int) -> list[tuple[Verdict, datetime]]:
        """Return the last verdicts on a remediation with their time, the newest first."""

    def success(self, remediation: str, fault: str) -> tuple[int, int]:
        """Return how often a remediation healed this fault, and how often it was tried for it."""


@dataclass(frozen=True, slots=True)
class Objection:
    """A guard's no. ``passing`` ones go away by themselves; the others are for people."""

    reason: Reason
    detail: str
    passing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything a guard may look at."""

    plan: Plan
    file: RemediationFile
    rule: RemediationRule
    policy: PolicyFile
    hosts: Mapping[str, InventoryHost]
    history: History
    paused: str | None
    now: datetime


def find_objection(question: Question) -> Objection | None:
    """Return the first guard's objection, or None when all agree."""
    return next((objection for guard in GUARDS if (objection := guard(question))), None)


def _pause(q: Question) -> Objection | None:
    return Objection(Reason.PAUSED, q.paused, passing=True) if q.paused is not None else None


def _window(q: Question) -> Objection | None:
    found = find_window(q.policy, q.plan, q.file, q.hosts, q.now)
    if found is None:
        return None
    detail = f"{found[0].id}, until {found[1]:%Y-%m-%d %H:%M} UTC"
    return Objection(Reason.MAINTENANCE_WINDOW, detail, passing=True)


def _storm(q: Question) -> Objection | None:
    storm = q.policy.guards.storm
    count = q.history.incidents_since(q.now - storm.within)
    if count < storm.incidents:
        return None
    detail = f"{count} incidents in {format_duration(storm.within)}, allowed are fewer than {storm.incidents}"
    return Objection(Reason.STORM, detail, passing=True)


def _flapping(q: Question) -> Objection | None:
    flapping = q.policy.guards.flapping
    count = q.history.recoveries_since(q.plan.fault, q.plan.entity, q.now - flapping.within)
    if count < flapping.times:
        return None
    detail = (
        f"{q.plan.fault} on {q.plan.entity} was healed {count} times in {format_duration(flapping.within)}"
    )
    return Objection(Reason.FLAPPING, detail, passing=False)


def _circuit(q: Question) -> Objection | None:
    circuit = q.policy.guards.circuit
    last = q.history.last_verdicts(q.plan.remediation, circuit.failures)
    bad = [at for verdict, at in last if verdict is not Verdict.RECOVERED]
    # once the reset time is over one run may try again; its verdict closes or reopens the circuit
    if len(bad) < circuit.failures or q.now - max(bad) >= circuit.reset:
        return None
    detail = f"the last {len(bad)} runs of {q.plan.remediation} did not help"
    return Objection(Reason.CIRCUIT_OPEN, detail, passing=False)


def _cooldown(q: Question) -> Objection | None:
    for host in q.plan.hosts:
        last = q.history.last_start(q.plan.remediation, host, q.plan.fault, q.plan.entity)
        if last is not None and q.now - last < q.file.limits.cooldown:
            left = format_duration(q.file.limits.cooldown - (q.now - last))
            detail = (
                f"{q.plan.remediation} last started on {host} for this at {last:%H:%M:%S} UTC, "
                f"{left} of cooldown left"
            )
            return Objection(Reason.COOLDOWN, detail, passing=False)
    return None


def _daily_limit(q: Question) -> Objection | None:
    for host in q.plan.hosts:
        count = q.history.starts_since(q.plan.remediation, host, q.now - _DAY)
        if count >= q.file.limits.per_day:
            detail = (
                f"{q.plan.remediation} ran {count} times on {host} in 24 hours, "
                f"allowed are {q.file.limits.per_day}"
            )
            return Objection(Reason.DAILY_LIMIT, detail, passing=False)
    return None


def _blast_radius(q: Question) -> Objection | None:
    blast = q.policy.guards.blast_radius
    touched = q.history.hosts_since(q.now - blast.within) | set(q.plan.hosts)
    if len(touched) <= blast.hosts:
        return None
    detail = (
        f"{len(touched)} hosts would be touched in {format_duration(blast.within)}, allowed are {blast.hosts}"
    )
    return Objection(Reason.BLAST_RADIUS, detail, passing=False)


def _healthy_share(q: Question) -> Objection | None:
    called = q.history.troubled_hosts() | q.history.busy_hosts()
    troubled = {name for name, host in q.hosts.items() if host.names & called}
    for group in sorted(
        {name for host in q.plan.hosts for name in q.hosts[host].groups} - {"all", "ungrouped"}
    ):
        others = {name for name, host in q.hosts.items() if group in host.groups} - set(q.plan.hosts)
        if not others:
            continue
        share = len(others - troubled) / len(others)
        if share < q.rule.minimum_healthy:
            detail = (
                f"{len(others & troubled)} of the {len(others)} other hosts of {group} are in trouble, "
                f"{q.rule.minimum_healthy:.0%} have to be well"
            )
            return Objection(Reason.HEALTHY_SHARE, detail, passing=False)
    return None


def _host_busy(q: Question) -> Objection | None:
    busy = sorted(set(q.plan.hosts) & q.history.busy_hosts())
    return Objection(Reason.HOST_BUSY, f"{', '.join(busy)} has a run at work", passing=True) if busy else None


GUARDS: tuple[Callable[[Question], Objection | None], ...] = (
    _pause,
    _window,
    _storm,
    _flapping,
    _circuit,
    _cooldown,
    _daily_limit,
    _blast_radius,
    _healthy_share,
    _host_busy,
)
