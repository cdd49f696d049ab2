"""What belongs together: candidates and known incidents in, new and changed incidents out."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from agent.config.rulefiles import Fault
from agent.diagnose.live.dependencies import Dependencies
from agent.diagnose.live.fuse import explains, fuse, rank
from agent.diagnose.live.troubles import began, split_by_cause
from agent.records import Candidate, Diagnosis, Frame, Held, Incident, IncidentState, Symptom

DIAGNOSED_STATES = frozenset({IncidentState.OPEN, IncidentState.HELD, IncidentState.AWAITING_APPROVAL})
_ANSWERED_STATES = frozenset(
    {IncidentState.REMEDIATING, IncidentState.VERIFYING, IncidentState.ESCALATED, *DIAGNOSED_STATES}
)
# what shows elsewhere by one cause shows within minutes: timeouts, retries, the next scrape
_SAME_TROUBLE = timedelta(minutes=10)

_MOST_EFFECTS = 5  # told as evidence
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

    Candidates belong together when they name the same entity, when they are on the same host and the
    catalogue says that one leads to the other, or when one is a fault that is passed on, its entity
    depends on the other's, and both began within minutes.
    """

    def __init__(self, faults: Mapping[str, Fault], dependencies: Dependencies | None = None) -> None:
        self._faults = faults
        self._dependencies = Dependencies() if dependencies is None else dependencies

    def group(
        self,
        candidates: Iterable[Candidate],
        known: Sequence[Incident],
        frame: Frame,
        held: Sequence[Held] = (),
    ) -> tuple[list[Assessment], list[Incident]]:
        """Return what is seen of each known incident, and the incidents that are new."""
        groups = self._components(fuse(candidates))
        taken: dict[int, list[Candidate]] = {}
        strays: list[list[Candidate]] = []
        for group in groups:
            owner = next((one for one in known if self._belongs(group, one, frame.at)), None)
            if owner is None:
                strays.append(group)
            else:
                taken.setdefault(owner.id, []).extend(group)
        new = [self._open(group, frame.at) for group in self._place_strays(strays, known, taken)]
        assessments = [
            Assessment(
                incident,
                self._rank(taken.get(incident.id, ())),
                incident.id not in taken
                and (is_blind(incident.diagnosis, frame) or _is_held(incident.diagnosis, held)),
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
                host=best.labels.get("host", incident.host),
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
        known = incident.diagnosis.candidates
        if hosts.isdisjoint({incident.host, *(one.labels.get("host", "") for one in known)}) and (
            entities.isdisjoint({incident.entity, *(one.entity for one in known)})
        ):
            return False
        if incident.state is IncidentState.RECOVERED and not _was_there_before(group, incident, now):
            return False  # it is back: that is a new incident
        return any(
            self._related(candidate, old) for candidate in group for old in incident.diagnosis.candidates
        )

    def _place_strays(
        self,
        strays: Sequence[list[Candidate]],
        known: Sequence[Incident],
        taken: dict[int, list[Candidate]],
    ) -> list[list[Candidate]]:
        """Put groups to the incident whose effect or cause they are; return what is left, joined."""
        if not self._dependencies:
            return list(strays)
        left: list[list[Candidate]] = []
        for group in strays:
            owner = next((one for one in known if self._joins(group, one)), None)
            if owner is None:
                left.append(group)
            else:
                taken.setdefault(owner.id, []).extend(group)
        return split_by_cause(left, self._dependencies, self._passed_on)

    def _joins(self, group: Sequence[Candidate], incident: Incident) -> bool:
        """Return whether a group is an effect of an incident that is being answered, or its cause.

        A cause joins only while the diagnosis may still change, for behind a run that treats the effect
        it would be forgotten; and only as the cause of what the incident is about: beside another cause
        it is a trouble of its own.
        """
        if incident.state not in _ANSWERED_STATES:
            return False
        candidates = incident.diagnosis.candidates
        if self._linked(group, candidates):
            return True
        return incident.state in DIAGNOSED_STATES and self._linked(candidates[:1], group)

    def _linked(self, effects: Sequence[Candidate], causes: Sequence[Candidate]) -> bool:
        return any(self._passed_on(effect, cause) for effect in effects for cause in causes)

    def _passed_on(self, effect: Candidate, cause: Candidate) -> bool:
        """Return whether a candidate may be what shows of another one on something that depends on it."""
        fault = self._faults.get(effect.fault)
        if fault is None or not fault.passed_on or not self._dependencies.depends(effect, cause):
            return False
        return abs(began(effect) - began(cause)) <= _SAME_TROUBLE

    def _rank(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Put the root first, also where its effects are on other hosts, and tell what it explains."""
        ranked = rank(candidates, self._faults)
        passed = {
            id(effect): cause
            for effect in ranked
            for cause in ranked
            if effect is not cause and self._passed_on(effect, cause)
        }
        roots = [one for one in ranked if id(one) not in passed] or list(ranked)
        others = [one for one in ranked if id(one) in passed and one not in roots]
        told = tuple(_tell_effect(one) for one in others[:_MOST_EFFECTS])
        if told and roots:
            roots[0] = replace(roots[0], evidence=tuple(dict.fromkeys(roots[0].evidence + told)))
        return (*roots, *others)

    def _related(self, one: Candidate, other: Candidate) -> bool:
        if one.entity == other.entity:
            return True
        if not one.labels.get("host") or one.labels.get("host") != other.labels.get("host"):
            return False
        return explains(one.fault, other.fault, self._faults) or explains(
            other.fault, one.fault, self._faults
        )

    def _open(self, group: Sequence[Candidate], now: datetime) -> Incident:
        ranked = self._rank(group)
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


def _tell_effect(effect: Candidate) -> str:
    return f"{effect.entity}, which depends on it, shows {effect.fault}"


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


def _is_held(diagnosis: Diagnosis, held: Sequence[Held]) -> bool:
    """Return whether a rule would see a diagnosis' trouble if it knew what it has to rule out."""
    named = {(one.fault, one.entity) for one in diagnosis.candidates}
    return any((one.fault, one.entity) in named for one in held)


def _is_missing(symptom: Symptom, frame: Frame) -> bool:
    if symptom.kind in ("alert", "log", "event"):
        return False  # known until its sender says otherwise, is silent for too long, or time has passed
    if symptom.source not in frame.answered:
        return True
    if symptom.kind == "absence":
        return False
    row = frame.find(symptom.source, symptom.labels)
    return row is None or bool(np.isnan(frame.latest[row]))
