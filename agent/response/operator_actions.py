"""What people may do: one function per action, for the command and the API alike, each permission checked."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import datetime
from functools import partial

from agent.cleantext import clean
from agent.clock import Clock
from agent.config.policyfile import Permission, PolicyFile
from agent.decide.policy import may
from agent.errors import ConflictError, NotFoundError, OpsmendError, RefusedError
from agent.instance import canonical_host
from agent.reasons import Reason
from agent.records import (
    Approval,
    Incident,
    IncidentState,
    KnownNames,
    Pause,
    PauseScope,
    Person,
    RunRequest,
)
from agent.records.orders import RemediationOrder
from agent.response.escalation import ACKNOWLEDGED, ESCALATED
from agent.response.transitions import transition
from agent.store import (
    Message,
    Stores,
    acknowledge_incident,
    add_request,
    drop_messages,
    put_messages,
    told_targets,
)

_AT_WORK = (IncidentState.REMEDIATING, IncidentState.VERIFYING)
_LONGEST_COMMENT = 2000
_SHOWN_BY = {
    "hosts": "ansible-inventory --graph",
    "groups": "ansible-inventory --graph",
    "faults": "docs/coverage.md",
    "remediations": "opsmend playbooks list",
}


class OperatorActions:
    """What people do to incidents and to the agent.

    ``policy`` is the one in force, ``names`` what mistyped names are told by. Every action raises
    RefusedError when the policy gives the person no right to it, and NotFoundError when there is no such
    incident, host, group, fault or remediation.
    """

    def __init__(
        self,
        stores: Stores,
        policy: Callable[[], PolicyFile],
        names: Callable[[], KnownNames],
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._policy = policy
        self._names = names
        self._clock = clock

    def vote(self, incident_id: int, yes: bool, person: Person, comment: str = "") -> Approval:
        """Say yes or no to what an incident asks for. Raises ConflictError when somebody was faster."""
        self.require(person, "approve" if yes else "deny")
        self._stores.incidents.get(incident_id)
        now = self._clock.now()
        return self._stores.approvals.vote(incident_id, person, yes, _clean(comment), now)

    def acknowledge(
        self, incident_id: int, person: Person, comment: str = "", take_over: bool = False
    ) -> Incident:
        """Take an incident that is for people: nobody further is called, and who was called is told.

        Whoever may close an incident may take it. Raises ConflictError when another person has it, unless
        it is taken over from them.
        """
        self.require(person, "close")
        now = self._clock.now()
        with self._stores.transaction() as connection:
            incident = acknowledge_incident(
                connection, incident_id, person.name, _clean(comment), now, take_over
            )
            if incident.acknowledged_at == now:
                drop_messages(connection, incident_id, ESCALATED)
                told = told_targets(connection, incident_id, ESCALATED)
                news = [Message(kind=ACKNOWLEDGED, target=target) for target in told]
                put_messages(connection, incident_id, news, now)
        return incident

    def close(self, incident_id: int, person: Person, comment: str = "") -> Incident:
        """Close an incident by hand. Raises ConflictError when it changed meanwhile."""
        self.require(person, "close")
        incident = self._stores.incidents.get(incident_id)
        if incident.state.final:
            raise RefusedError(f"incident {incident_id} is {incident.state} already")
        if incident.state in _AT_WORK:
            raise RefusedError(f"incident {incident_id} has a run at work; wait for it, or cancel it first")
        with self._stores.transaction() as connection:
            return transition(
                connection,
                incident,
                IncidentState.CLOSED,
                Reason.CLOSED_BY_PERSON,
                _clean(comment),
                self._clock.now(),
                actor=person.name,
                seen=True,
            )

    def cancel(self, incident_id: int, person: Person) -> int:
        """Ask the agent to cancel an incident's run; return the run's id.

        What undoes or proves a run is not cancelled.
        """
        self.require(person, "cancel")
        self._stores.incidents.get(incident_id)
        run_id = self._stores.runs.ask_to_cancel(incident_id, person.name, self._clock.now())
        if run_id is None:
            raise RefusedError(f"incident {incident_id} has no run at work")
        return run_id

    def ask_for_run(
        self,
        incident_id: int,
        remediation: str,
        person: Person,
        comment: str = "",
        override_cooldown: bool = False,
    ) -> RunRequest:
        """Ask the agent to run a remediation for an incident; policy and guards still decide.

        The request waits while a guard holds it, and is answered once. Raises NotFoundError for a name that
        no remediation has, ConflictError when somebody's request waits already.
        """
        self._check_run(incident_id, remediation, person, comment, override_cooldown)
        return self._stores.run_requests.add(
            incident_id, remediation, person, self._clock.now(), _clean(comment), override_cooldown
        )

    def order_run(
        self, order: RemediationOrder, person: Person, comment: str = "", override_cooldown: bool = False
    ) -> RemediationOrder:
        """Place a program's order: ask for its run, or keep why there is none. One key is one order.

        Raises what ``ask_for_run`` raises, and ConflictError for a key that was used for something else.
        """
        self.require(person, "run")
        known = self._stores.orders.find(order.owner, order.key, order.digest, order.at)
        if known is not None:
            return known
        if order.refusal or order.incident_id is None:
            return self._stores.orders.place(order, None)
        ask = partial(
            add_request,
            incident_id=order.incident_id,
            remediation=order.remediation,
            person=person,
            now=order.at,
            comment=_clean(comment),
            override_cooldown=override_cooldown,
        )
        try:
            self._check_run(order.incident_id, order.remediation, person, comment, override_cooldown)
            return self._stores.orders.place(order, ask)
        except OpsmendError:
            # the same order, sent at once with this one, may have been the reason
            known = self._stores.orders.find(order.owner, order.key, order.digest, order.at)
            if known is None:
                raise
            return known

    def _check_run(
        self, incident_id: int, remediation: str, person: Person, comment: str, override_cooldown: bool
    ) -> None:
        self.require(person, "run")
        if override_cooldown:
            self.require(person, "override")
            if not _says_something(comment):
                raise RefusedError("who overrides a cooldown says why: add a comment")
        incident = self._stores.incidents.get(incident_id)
        self.check_names("remediations", (remediation,))
        if incident.state.final:
            raise RefusedError(f"incident {incident_id} is {incident.state}: nothing can be run for it")
        if incident.state in _AT_WORK:
            raise ConflictError(f"incident {incident_id} has a run at work")

    def pause(
        self,
        person: Person,
        why: str = "",
        until: datetime | None = None,
        scope: PauseScope | None = None,
    ) -> Pause:
        """Pause the agent, or what a scope holds, until a time or until somebody resumes it.

        Raises NotFoundError for a name that nothing has: such a pause would hold nothing, and nobody notice.
        """
        self.require(person, "pause")
        for kind, names in asdict(scope or PauseScope()).items():
            self.check_names(kind, names)
        return self._stores.pauses.begin(person.name, _clean(why), self._clock.now(), until, scope)

    def resume(self, person: Person, pause_id: int | None = None) -> list[Pause]:
        """End one pause, or every one; return those that were in force.

        Raises NotFoundError when that one is not in force.
        """
        self.require(person, "resume")
        ended = self._stores.pauses.end(person.name, self._clock.now(), pause_id)
        if pause_id is not None and not ended:
            raise NotFoundError(f"pause {pause_id} is not in force")
        return ended

    def check_names(self, kind: str, names: Collection[str]) -> None:
        """Raise NotFoundError, with what was meant, for a name of a kind that nothing has."""
        known: Collection[str] | None = getattr(self._names(), kind)
        if known is None:
            return
        same = canonical_host if kind == "hosts" else str
        forms = {same(name) for name in known}
        for name in names:
            if same(name) not in forms:
                raise NotFoundError(_no_such(kind, name, known))

    def allows(self, person: Person, permission: Permission) -> bool:
        """Return whether the policy gives a person a permission."""
        return may(self._policy(), person, permission)

    def require(self, person: Person, permission: Permission) -> None:
        """Raise RefusedError unless the policy gives a person a permission."""
        if not self.allows(person, permission):
            raise RefusedError(
                f"{person.name} may not {permission}: no role in policy.yml gives it to them or their groups"
            )


def _no_such(kind: str, name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3)
    meant = f"; did you mean {' or '.join(close)}?" if close else f"; {_SHOWN_BY[kind]} shows them"
    return f"there is no {kind.removesuffix('s')} '{name}'{meant}"


def _says_something(comment: str) -> bool:
    return any(one.isprintable() and not one.isspace() for one in comment)


def _clean(comment: str) -> str:
    return clean(comment, _LONGEST_COMMENT, lines=True)
