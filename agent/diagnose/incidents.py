"""What belongs together: candidates and known incidents in, new and changed incidents out."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from agent.config.rulefiles import Fault
from agent.diagnose.fuse import explains, fuse, rank
from agent.records import Candidate, Diagnosis, Frame, Incident, IncidentState, Symptom

DIAGNOSED_STATES = frozenset({IncidentState.OPEN, IncidentState.HELD, IncidentState.AWAITING_APPROVAL})


# an alert takes its time to resolve after a recovery; one that never does was no recovery
_LINGER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a frame says about a known incident."""

    incident: Incident
    seen: tuple[Candidate, ...]
    blind: bool  # nothing is seen, but the samples that could show it are missing


class IncidentGrouper:
    """Puts candidates to the incident they belong to, or opens a new one.

    Candidates belong together when they name the same entity, or when they are on the same host and
    the catalogue says that one leads to the other.
    """

    def __init__(self, faults: Mapping[str, Fault]) -> None:
        self._faults = faults

    def group(
        self, candidates: Iterable[Candidate], known: Sequence[Incident], frame: Frame
    ) -> tuple[list[Assessment], list[Incident]]:
        """Return what is seen of each known incident, and the incidents that are new."""
        groups = self._components(fuse(candidates))
        taken: dict[int, list[Candidate]] = {}
        new: list[Incident] = []
        for group in groups:
            owner = next((one for one in known if self._belongs(group, one, frame.at)), None)
            if owner is None:
                new.append(self._open(group, frame.at))
            else:
                taken.setdefault(owner.id, []).extend(group)
        assessments = [
            Assessment(
                incident,
                rank(taken.get(incident.id, ()), self._faults),
                incident.id not in taken and is_blind(incident.diagnosis, frame),
            )
            for incident in known
        ]
        return assessments, new

    def update(self, assessment: Assessment, now: datetime, keep_for: timedelta) -> Incident:
        """Return the incident with its diagnosis and symptoms as they are now seen.

        Symptoms that cannot be looked at are neither gone nor still there: nothing changes. While a
        run is at work, and once people have it, the diagnosis stays what it was made on.
        """
        incident = assessment.incident
        if assessment.seen:
            if incident.state not in DIAGNOSED_STATES:
                return replace(incident, symptomatic=True, last_seen_at=now)
            best = assessment.seen[0]
            return replace(
                incident,
                diagnosis=Diagnosis(candidates=assessment.seen),
                fault=best.fault,
                entity=best.entity,
                title=self._title(best),
                symptomatic=True,
                last_seen_at=now,
            )
        if incident.state is IncidentState.RECOVERED:
            return replace(incident, symptomatic=False)
        gone_for = now - incident.last_seen_at
        if assessment.blind or gone_for < keep_for:
            return incident
        return replace(incident, symptomatic=False)

    def _components(self, candidates: Sequence[Candidate]) -> list[list[Candidate]]:
        """Split candidates into groups that belong together; a storm brings thousands at once."""
        neighbours: dict[str, list[int]] = defaultdict(list)
        for index, candidate in enumerate(candidates):
            neighbours[f"entity {candidate.entity}"].append(index)
            neighbours[f"host {candidate.labels.get('host')}"].append(index)
        leader = list(range(len(candidates)))

        def find(index: int) -> int:
            while leader[index] != index:
                leader[index] = leader[leader[index]]
                index = leader[index]
            return index

        for members in neighbours.values():
            for one, other in itertools.combinations(members, 2):
                if self._related(candidates[one], candidates[other]):
                    leader[find(one)] = find(other)
        groups: dict[int, list[Candidate]] = defaultdict(list)
        for index, candidate in enumerate(candidates):
            groups[find(index)].append(candidate)
        return list(groups.values())

    def _belongs(self, group: Sequence[Candidate], incident: Incident, now: datetime) -> bool:
        hosts = {candidate.labels.get("host") for candidate in group}
        entities = {candidate.entity for candidate in group}
        if incident.host not in hosts and incident.entity not in entities:
            return False
        if incident.state is IncidentState.RECOVERED and not _was_there_before(group, incident, now):
            return False  # it is back: that is a new incident
        return any(
            self._related(candidate, old) for candidate in group for old in incident.diagnosis.candidates
        )

    def _related(self, one: Candidate, other: Candidate) -> bool:
        if one.entity == other.entity:
            return True
        if not one.labels.get("host") or one.labels.get("host") != other.labels.get("host"):
            return False
        return explains(one.fault, other.fault, self._faults) or explains(
            other.fault, one.fault, self._faults
        )

    def _open(self, group: Sequence[Candidate], now: datetime) -> Incident:
        ranked = rank(group, self._faults)
        best = ranked[0]
        return Incident(
            entity=best.entity,
            host=best.labels.get("host", ""),
            fault=best.fault,
            title=self._title(best),
            opened_at=now,
            updated_at=now,
            last_seen_at=now,
            diagnosis=Diagnosis(candidates=ranked),
        )

    def _title(self, best: Candidate) -> str:
        fault = self._faults.get(best.fault)
        return f"{fault.summary if fault else best.fault}: {best.entity}"


def _was_there_before(group: Sequence[Candidate], incident: Incident, now: datetime) -> bool:
    """Return whether candidates rest on what lasts since before the recovery: an alert not yet resolved."""
    since = min((symptom.since for one in group for symptom in one.symptoms), default=None)
    recovered_at = incident.closed_at
    if since is None or recovered_at is None or now - recovered_at > _LINGER:
        return False
    return since <= recovered_at


def is_blind(diagnosis: Diagnosis, frame: Frame) -> bool:
    """Return whether the samples that a diagnosis was made from are missing now."""
    return any(_is_missing(s, frame) for candidate in diagnosis.candidates for s in candidate.symptoms)


def _is_missing(symptom: Symptom, frame: Frame) -> bool:
    if symptom.kind in ("alert", "log", "event"):
        return False  # known until its sender says otherwise, is silent for too long, or time has passed
    if symptom.source not in frame.answered:
        return True
    if symptom.kind == "absence":
        return False
    row = frame.find(symptom.source, symptom.labels)
    return row is None or bool(np.isnan(frame.latest[row]))
