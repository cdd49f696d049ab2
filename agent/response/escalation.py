"""Which messages an incident calls for, and to whom: they are put up with the state they tell about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.config.policyfile import PolicyFile
from agent.config.rulefiles import Fault
from agent.records import Candidate, Incident
from agent.store import Message, extend_message, messages_of, put_messages

APPROVAL, ESCALATED, STORM, RECOVERED, JOINED = "approval", "escalated", "storm", "recovered", "joined"
OVER = "over"
"""It is over, and no run of the agent did it."""
ACKNOWLEDGED = "acknowledged"
"""Somebody has taken an incident that others were called for too."""
AUTONOMY = "autonomy"
"""The agent may do more, or less, by itself from now on."""
WAITING = "waiting"
"""A critical incident that is held back for a reason that passes, or any that waits long."""

_GATHERED_FOR = timedelta(seconds=30)


def is_urgent(incident: Incident, faults: Mapping[str, Fault]) -> bool:
    """Return whether anything about an incident may wake people: a fault that is not of severity ``info``."""
    named = {incident.fault or "", *(one.fault for one in incident.diagnosis.candidates)}
    return any(fault not in faults or faults[fault].severity != "info" for fault in named)


class Escalation:
    """Knows who is told what."""

    def __init__(
        self,
        policy: Callable[[], PolicyFile],
        targets: Callable[[], Sequence[str]],
        is_urgent: Callable[[Incident], bool] = lambda incident: True,
        informed: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """``targets`` may wake people; of what is not urgent only those that are ``informed`` hear."""
        self._is_urgent = is_urgent
        self._informed = informed
        self._policy = policy
        self._targets = targets

    def asked(self, now: datetime) -> list[Message]:
        """Return the messages about a request: the first contact now, the next ones after their time."""
        contacts = self._policy().approval.contacts
        if not contacts:
            return self.told(APPROVAL)
        return [
            Message(kind=APPROVAL, target=target, due_at=now + contact.after)
            for contact in contacts
            for target in contact.notify
        ]

    def given(self, incident: Incident, now: datetime) -> list[Message]:
        """Return the calls about an incident that is for people now.

        Those who take what the agent cannot do hear of it at once. Of what is urgent the contacts of the
        policy hear too, each after their time: what is not due yet is dropped when somebody takes it.
        """
        first = self.told(ESCALATED, incident)
        if not self._is_urgent(incident):
            return first
        called = {message.target for message in first}
        for contact in sorted(self._policy().approval.contacts, key=lambda one: one.after):
            for target in contact.notify:
                if target not in called:
                    called.add(target)
                    first.append(Message(kind=ESCALATED, target=target, due_at=now + contact.after))
        return first

    def told(self, kind: str, incident: Incident | None = None, subject: str = "") -> list[Message]:
        """Return a message of a kind to each of those who take what the agent cannot do.

        About an ``incident`` that is not urgent they go to those who are informed.
        """
        quiet = incident is not None and not self._is_urgent(incident)
        return [
            Message(kind=kind, target=target, subject=subject)
            for target in (self._informed() if quiet else self._targets())
        ]

    def join(self, connection: Any, incident_id: int, candidates: Sequence[Candidate], now: datetime) -> None:
        """Tell people of faults that joined an incident they have: of each once, if it comes and goes too.

        What joins within a short time is one message. It is written into a transaction of the caller's.
        """
        found = [f"{one.fault} on {one.entity}" for one in candidates]
        messages = [one for one in messages_of(connection, incident_id) if one.kind == JOINED]
        for target in self._targets():
            mine = [one for one in messages if one.target == target]
            told = {subject for one in mine for subject in one.subject.splitlines()}
            new = "\n".join(subject for subject in found if subject not in told)
            waiting = next((one for one in mine if one.state == "waiting" and not one.attempts), None)
            if not new:
                continue
            if waiting is None or not extend_message(connection, waiting, f"{waiting.subject}\n{new}"):
                due_at = now + _GATHERED_FOR
                message = Message(kind=JOINED, target=target, due_at=due_at, subject=new)
                put_messages(connection, incident_id, [message], now)
