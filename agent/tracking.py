"""Candidates of a poll in, incidents in the store out: kept current, opened, split, and what joins told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from agent.clock import Clock
from agent.diagnose import IncidentLifecycle, Visibility
from agent.errors import ConflictError
from agent.log import Logger
from agent.records import Candidate, Frame, Incident, IncidentState, Topology
from agent.response import ACTOR, Escalation
from agent.store import Stores, save_incident

log = Logger("pipeline")

# numbers in the evidence change at every poll: they are written from time to time, and not all at once
_REFRESHED_AFTER = timedelta(minutes=1)
_MOST_REFRESHED = 20
_PEOPLE_HAVE_IT = frozenset({IncidentState.ESCALATED, IncidentState.AWAITING_APPROVAL})

LookInto = Callable[[Incident, Frame, Topology], object]


class IncidentTracker:
    """Takes what one poll shows to the incidents that are kept."""

    def __init__(self, stores: Stores, escalation: Escalation, look_into: LookInto, clock: Clock) -> None:
        self._stores = stores
        self._escalation = escalation
        self._look_into = look_into
        self._clock = clock
        self._last_seen: dict[int, datetime] = {}

    def track(
        self,
        lifecycle: IncidentLifecycle,
        candidates: Sequence[Candidate],
        shown: Visibility,
        topology: Topology,
    ) -> list[Incident]:
        """Return the incidents that are active now, as they are kept. Raises StoreUnavailable.

        What is decided after a poll rests so on the same diagnosis as what is decided between polls.
        """
        now = self._clock.now()
        known = [self._with_last_seen(incident) for incident in self._stores.incidents.active()]
        changes = lifecycle.update(candidates, known, shown, now)
        current: list[Incident] = []
        refreshed = 0
        for before, after in zip(known, changes.known, strict=True):
            self._last_seen[before.id] = after.last_seen_at
            news = says_something_new(before, after)
            stale = refreshed < _MOST_REFRESHED and _numbers_are_old(before, after, now)
            if news or stale:
                refreshed += not news
                kept = self._save(before, after, now)
                if kept is None:
                    continue  # a person was faster; the next poll looks again
                if (before.fault, before.entity) != (kept.fault, kept.entity):
                    self._look_into(kept, shown.frame, topology)
                current.append(kept)
            else:
                current.append(replace(before, last_seen_at=after.last_seen_at))
        current += [self._open(incident, shown.frame, topology) for incident in changes.opened]
        alive = {incident.id for incident in current}
        self._last_seen = {id_: at for id_, at in self._last_seen.items() if id_ in alive}
        return current

    def _save(self, before: Incident, after: Incident, now: datetime) -> Incident | None:
        known = {one.key for one in before.diagnosis.candidates}
        joined = [one for one in after.diagnosis.candidates if one.key not in known]
        try:
            with self._stores.transaction() as connection:
                kept = save_incident(connection, replace(after, updated_at=now), ACTOR)
                if joined and after.state in _PEOPLE_HAVE_IT:
                    self._escalation.join(connection, after.id, joined, now)
        except ConflictError:
            return None
        for one in joined:
            log.info("fault joined an incident", incident=kept.id, fault=one.fault, entity=one.entity)
        return kept

    def _open(self, incident: Incident, frame: Frame, topology: Topology) -> Incident:
        kept = self._stores.incidents.add(incident, ACTOR)
        if topology.edges:
            self._stores.topologies.keep(kept.id, topology, kept.opened_at)
        self._last_seen[kept.id] = kept.last_seen_at
        log.info("incident opened", incident=kept.id, title=kept.title, host=kept.host, parent=kept.parent_id)
        self._look_into(kept, frame, topology)
        return kept

    def _with_last_seen(self, incident: Incident) -> Incident:
        at = self._last_seen.get(incident.id)
        return replace(incident, last_seen_at=at) if at else incident


def says_something_new(before: Incident, after: Incident) -> bool:
    """Return whether a change is worth writing at once: whatever a decision may rest on."""

    def told(incident: Incident) -> object:
        faults = [(one.key, one.confidence, one.support, one.labels) for one in incident.diagnosis.candidates]
        harm = incident.diagnosis.harm
        suffers = bool(harm.seen), bool(harm.unseen), bool(harm.unknown)
        return incident.fault, incident.entity, incident.symptomatic, faults, suffers

    return told(before) != told(after)


def _numbers_are_old(before: Incident, after: Incident, now: datetime) -> bool:
    def told(incident: Incident) -> object:
        return [(one.evidence, [s.text for s in one.symptoms]) for one in incident.diagnosis.candidates]

    return now - before.updated_at >= _REFRESHED_AFTER and told(before) != told(after)
