"""What people say about what the agent saw: kept with its author, by whom the policy lets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from agent.cleantext import clean
from agent.clock import Clock
from agent.errors import NotFoundError, RefusedError
from agent.records import Anomaly
from agent.records.feedback import Feedback, FeedbackKind
from agent.records.people import Person
from agent.response.operator_actions import OperatorActions
from agent.store import Stores

_LONGEST_NOTE = 2000
_NEEDS_FAULT, _NEEDS_REMEDIATION = frozenset({FeedbackKind.IT_WAS}), frozenset({FeedbackKind.FIXED_BY})


class FeedbackActions:
    """Takes feedback. Every action raises RefusedError without the permission ``feedback``."""

    def __init__(self, stores: Stores, operator_actions: OperatorActions, clock: Clock) -> None:
        self._stores = stores
        self._require = operator_actions.require
        self._known = operator_actions.check_names
        self._clock = clock

    def about_incident(
        self,
        person: Person,
        incident_id: int,
        kind: FeedbackKind,
        fault: str = "",
        remediation: str = "",
        note: str = "",
    ) -> Feedback:
        """Keep what somebody says of an incident's diagnosis.

        Raises NotFoundError, also for a fault or a remediation that there is not.
        """
        self._require(person, "feedback")
        if bool(fault) != (kind in _NEEDS_FAULT) or bool(remediation) != (kind in _NEEDS_REMEDIATION):
            raise RefusedError("'it_was' names a fault, 'fixed_by' a remediation, and nothing else does")
        if kind is FeedbackKind.BY_HAND and not note.strip():
            raise RefusedError("'by_hand' says in its note what was typed")
        incident = self._stores.incidents.get(incident_id)
        self._known("faults", [fault] if fault else [])
        self._known("remediations", [remediation] if remediation else [])
        return self._keep(
            Feedback(
                kind=kind,
                author=person.name,
                at=self._clock.now(),
                note=note,
                incident_id=incident_id,
                fault=fault,
                remediation=remediation,
                entity=incident.entity,
            )
        )

    def no_anomaly(
        self, person: Person, anomaly_id: str, open_now: Sequence[Anomaly], note: str = ""
    ) -> Feedback:
        """Keep that an open anomaly is none. Raises NotFoundError."""
        self._require(person, "feedback")
        one = next((one for one in open_now if one.id == anomaly_id), None)
        if one is None:
            raise NotFoundError(f"no anomaly {anomaly_id} is open; 'opsmend anomalies' lists those that are")
        return self._keep(
            Feedback(
                kind=FeedbackKind.NO_ANOMALY,
                author=person.name,
                at=self._clock.now(),
                note=note,
                entity=one.entity,
                anomaly_id=one.id,
                signal=one.signal,
                labels=one.labels,
                layer=one.layer,
                strength=min(max(one.score, 1.0), 1e9),
                since=one.since,
            )
        )

    def missed(
        self, person: Person, entity: str, since: datetime, until: datetime, note: str = ""
    ) -> Feedback:
        """Keep that something was strange and nothing was said."""
        self._require(person, "feedback")
        now = self._clock.now()
        if not since < until <= now:
            raise RefusedError("what was missed begins before it ends, and has ended")
        return self._keep(
            Feedback(
                kind=FeedbackKind.MISSED,
                author=person.name,
                at=now,
                note=note,
                entity=entity,
                since=since,
                until=until,
            )
        )

    def _keep(self, said: Feedback) -> Feedback:
        note = clean(said.note.replace("\r\n", "\n"), _LONGEST_NOTE, lines=True)
        return self._stores.feedback.add(replace(said, note=note))
