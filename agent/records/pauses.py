"""The pause switch: of the whole agent, or of some hosts, groups, faults or remediations."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime

from agent.instance import canonical_host
from agent.records.decisions import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseScope:
    """What is paused: everything where nothing is given, else what fits all that is given."""

    hosts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    remediations: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Return whether the whole agent is paused."""
        return self == PauseScope()

    def holds(self, plan: Plan) -> bool:
        """Return whether a plan is paused: one host of several is enough."""
        return (
            _fits(tuple(map(canonical_host, self.hosts)), {*map(canonical_host, plan.touched), *plan.names})
            and _fits(self.groups, set(plan.groups))
            and _fits(self.faults, {plan.fault})
            and _fits(self.remediations, {plan.remediation})
        )

    def __str__(self) -> str:
        given = [
            f"{one.name} {', '.join(getattr(self, one.name))}"
            for one in fields(self)
            if getattr(self, one.name)
        ]
        return "; ".join(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """The names that mean something to a running agent, for people who say one; None: nobody can tell now."""

    hosts: Collection[str] | None = None
    groups: Collection[str] | None = None
    faults: Collection[str] | None = None
    remediations: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Who paused what, since when, until when (None: until somebody resumes it), and why."""

    id: int
    since: datetime
    until: datetime | None
    actor: str
    why: str
    scope: PauseScope = PauseScope()

    def __str__(self) -> str:
        what = f"{self.scope} " if str(self.scope) else ""
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        why = f": {self.why}" if self.why else ""
        return f"{what}paused by {self.actor} since {self.since:%Y-%m-%d %H:%M} UTC{until}{why}"


def _fits(wanted: tuple[str, ...], found: set[str]) -> bool:
    return not wanted or not found.isdisjoint(wanted)
