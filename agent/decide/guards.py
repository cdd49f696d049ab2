"""A plan in, what forbids it now out: every guard fails closed and is asked again before the start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from agent.config.remediationfile import Limits
from agent.config.scalars import format_duration
from agent.reasons import Reason
from agent.records import Plan

_DAY = timedelta(days=1)


class RunHistory(Protocol):
    """What the guards ask of the past. It survives a restart."""

    def last_start(self, remediation: str, host: str, fault: str) -> datetime | None:
        """Return when this remediation was last started on this host for this fault."""

    def starts_since(self, remediation: str, host: str, since: datetime) -> int:
        """Return how often this remediation was started on this host since then."""

    def busy_hosts(self) -> frozenset[str]:
        """Return the hosts on which a run is at work or being verified."""


@dataclass(frozen=True, slots=True)
class Objection:
    """A guard's no. ``passing`` ones go away by themselves; the others are for people."""

    reason: Reason
    detail: str
    passing: bool


def find_objection(
    plan: Plan, limits: Limits, history: RunHistory, paused: str | None, now: datetime
) -> Objection | None:
    """Return the first guard that objects to a plan, or None. ``paused`` says who paused and why."""
    if paused is not None:
        return Objection(Reason.PAUSED, paused, passing=True)
    for host in plan.hosts:
        last = history.last_start(plan.remediation, host, plan.fault)
        if last is not None and now - last < limits.cooldown:
            left = format_duration(limits.cooldown - (now - last))
            detail = (
                f"{plan.remediation} last started on {host} at {last:%H:%M:%S} UTC, {left} of cooldown left"
            )
            return Objection(Reason.COOLDOWN, detail, passing=False)
        count = history.starts_since(plan.remediation, host, now - _DAY)
        if count >= limits.per_day:
            detail = (
                f"{plan.remediation} ran {count} times on {host} in 24 hours, allowed are {limits.per_day}"
            )
            return Objection(Reason.DAILY_LIMIT, detail, passing=False)
    busy = sorted(set(plan.hosts) & history.busy_hosts())
    if busy:
        return Objection(Reason.HOST_BUSY, f"{', '.join(busy)} has a run at work", passing=True)
    return None
