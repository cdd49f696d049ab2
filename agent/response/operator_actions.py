"""What people may do: one function per action, for the command and the API alike, each permission checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from agent.cleantext import clean
from agent.clock import Clock
from agent.config.policyfile import Permission, PolicyFile
from agent.decide.policy import may
from agent.errors import RefusedError
from agent.reasons import Reason
from agent.records import Incident, IncidentState
from agent.store import Approval, Pause, Stores

_AT_WORK = (IncidentState.REMEDIATING, IncidentState.VERIFYING)
_LONGEST_COMMENT = 2000


@dataclass(frozen=True, slots=True)
class Person:
    """Who does something, as far as this machine or a token can tell. ``roles`` are given by a token."""

    name: str
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


class OperatorActions:
    """What people do to incidents and to the agent.

    Every action raises RefusedError when the policy gives the person no right to it, and NotFoundError
    when there is no such incident.
    """

    def __init__(self, stores: Stores, policy: Callable[[], PolicyFile], clock: Clock) -> None:
        self._stores = stores
        self._policy = policy
        self._clock = clock

    def vote(self, incident_id: int, yes: bool, person: Person, comment: str = "") -> Approval:
        """Say yes or no to what an incident asks for. Raises ConflictError when somebody was faster."""
        self.require(person, "approve" if yes else "deny")
        incident = self._stores.incidents.get(incident_id)
        if incident.state is not IncidentState.AWAITING_APPROVAL:
            newest = self._stores.approvals.newest(incident_id)
            if newest is None or newest.state == "withdrawn":
                raise RefusedError(f"incident {incident_id} is {incident.state}: it asks for no approval")
        now = self._clock.now()
        return self._stores.approvals.vote(
            incident_id, person.name, yes, clean(comment, _LONGEST_COMMENT, lines=True), now
        )

    def close(self, incident_id: int, person: Person, comment: str = "") -> Incident:
        """Close an incident by hand. Raises ConflictError when it changed meanwhile."""
        self.require(person, "close")
        incident = self._stores.incidents.get(incident_id)
        if incident.state.final:
            raise RefusedError(f"incident {incident_id} is {incident.state} already")
        if incident.state in _AT_WORK:
            raise RefusedError(f"incident {incident_id} has a run at work; wait for it, or cancel it first")
        now = self._clock.now()
        closed = replace(
            incident,
            state=IncidentState.CLOSED,
            reason=Reason.CLOSED_BY_PERSON,
            detail=clean(comment, _LONGEST_COMMENT, lines=True),
            updated_at=now,
            closed_at=now,
        )
        self._stores.approvals.withdraw(incident_id, now)
        return self._stores.incidents.save(closed, person.name)

    def cancel(self, incident_id: int, person: Person) -> int:
        """Ask the agent to cancel an incident's run; return the run's id."""
        self.require(person, "cancel")
        self._stores.incidents.get(incident_id)
        run_id = self._stores.runs.ask_to_cancel(incident_id, person.name, self._clock.now())
        if run_id is None:
            raise RefusedError(f"incident {incident_id} has no run at work")
        return run_id

    def ask_for_run(self, incident_id: int, remediation: str, person: Person) -> None:
        """Ask the agent to run a remediation for an incident; policy and guards still decide."""
        self.require(person, "run")
        incident = self._stores.incidents.get(incident_id)
        if incident.state.final or incident.state in _AT_WORK:
            raise RefusedError(f"incident {incident_id} is {incident.state}: nothing can be run for it")
        self._stores.run_requests.add(incident_id, remediation, person.name, self._clock.now())

    def pause(self, person: Person, why: str = "", until: datetime | None = None) -> Pause:
        """Pause the agent, until a time or until somebody resumes it."""
        self.require(person, "pause")
        now = self._clock.now()
        self._stores.pauses.begin(person.name, clean(why, _LONGEST_COMMENT, lines=True), now, until)
        current = self._stores.pauses.current(now)
        assert current is not None
        return current

    def resume(self, person: Person) -> bool:
        """End every pause; return whether there was one."""
        self.require(person, "resume")
        return self._stores.pauses.end(person.name, self._clock.now())

    def allows(self, person: Person, permission: Permission) -> bool:
        """Return whether the policy gives a person a permission."""
        return may(self._policy(), person.name, person.groups, permission, person.roles)

    def require(self, person: Person, permission: Permission) -> None:
        """Raise RefusedError unless the policy gives a person a permission."""
        if not self.allows(person, permission):
            raise RefusedError(
                f"{person.name} may not {permission}: no role in policy.yml gives it to them or their groups"
            )
