"""When people have to hear of an incident, and who: messages are put up here and delivered elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from agent.config.policyfile import PolicyFile
from agent.records import Candidate, Incident
from agent.store import NotificationStore

APPROVAL, ESCALATED, STORM, OPENED, RECOVERED = "approval", "escalated", "storm", "opened", "recovered"
JOINED = "joined"
_GATHERED_FOR = timedelta(seconds=30)


class Escalation:
    """Puts messages up for delivery."""

    def __init__(
        self,
        notifications: NotificationStore,
        policy: Callable[[], PolicyFile],
        targets: Callable[[], Sequence[str]],
    ) -> None:
        self._notifications = notifications
        self._policy = policy
        self._targets = targets

    def asked(self, incident: Incident, now: datetime) -> None:
        """Tell the first contact that an approval is asked for, and the next ones after their time."""
        contacts = self._policy().approval.contacts
        self._notifications.drop(incident.id, APPROVAL)
        for contact in contacts:
            for target in contact.notify:
                self._notifications.add(incident.id, APPROVAL, target, now, now + contact.after)
        if not contacts:
            for target in self._targets():
                self._notifications.add(incident.id, APPROVAL, target, now)

    def answered(self, incident_id: int) -> None:
        """Somebody has decided, or nothing is asked any more: the next contacts need not hear of it."""
        self._notifications.drop(incident_id, APPROVAL)

    def escalated(self, incident: Incident, now: datetime) -> None:
        """Tell people that the agent gives an incident to them."""
        self._tell(incident.id, ESCALATED, now)

    def joined(self, incident: Incident, candidates: Sequence[Candidate], now: datetime) -> None:
        """Tell people of faults that joined an incident they have: of each once, if it comes and goes too.

        What joins within a short time is one message.
        """
        found = [f"{one.fault} on {one.entity}" for one in candidates]
        messages = [one for one in self._notifications.of_incident(incident.id) if one.kind == JOINED]
        for target in self._targets():
            mine = [one for one in messages if one.target == target]
            told = {subject for one in mine for subject in one.subject.splitlines()}
            new = "\n".join(subject for subject in found if subject not in told)
            waiting = next((one for one in mine if one.state == "waiting" and not one.attempts), None)
            if not new:
                continue
            if waiting is None or not self._notifications.extend(waiting, f"{waiting.subject}\n{new}"):
                self._notifications.add(incident.id, JOINED, target, now, now + _GATHERED_FOR, new)

    def recovered(self, incident: Incident, now: datetime) -> None:
        """Tell those who were woken that it is over."""
        told = {one.target for one in self._notifications.of_incident(incident.id) if one.state == "sent"}
        for target in sorted(told):
            self._notifications.add(incident.id, RECOVERED, target, now)

    def storm(self, incident: Incident, now: datetime) -> None:
        """Tell people once per storm that the agent stopped because of it."""
        self._tell(incident.id, STORM, now)

    def _tell(self, incident_id: int, kind: str, now: datetime) -> None:
        for target in self._targets():
            self._notifications.add(incident_id, kind, target, now)
