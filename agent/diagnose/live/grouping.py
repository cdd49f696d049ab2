"""What belongs together: candidates and known incidents in, who holds what and what is to be opened out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.config.rulefiles import Fault
from agent.diagnose.live.dependencies import Dependencies
from agent.diagnose.live.fault_causes import FaultCauses
from agent.diagnose.live.relations import Relations, Trouble, began
from agent.records import Candidate, Incident, IncidentState

DIAGNOSED_STATES = frozenset({IncidentState.OPEN, IncidentState.HELD, IncidentState.AWAITING_APPROVAL})
AT_WORK_STATES = frozenset({IncidentState.REMEDIATING, IncidentState.VERIFYING})
# an alert takes its time to resolve after a recovery; one that never does was no recovery
LINGER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Opening:
    """Candidates for an incident of their own. ``parent`` is the incident that held them before."""

    candidates: Sequence[Candidate]
    parent: int | None


@dataclass(frozen=True, slots=True)
class Grouping:
    """What is seen of each known incident, by id, and what none of them holds.

    ``merged`` are incidents that turned out to be effects of another one's, and that one's id.
    """

    held: Mapping[int, Sequence[Candidate]]
    opened: Sequence[Opening]
    merged: Mapping[int, int]


class IncidentGrouper:
    """Puts candidates to the incident they belong to, or to one that is to be opened.

    An incident for which nothing was begun joins that of its cause, when that is found later.

    What is on one entity belongs together; what has a cause (see Relations) belongs to it as long as
    the cause is there. An incident is about its own entity: an effect that has lost its cause, or whose
    incident is over, is an incident of its own. While a run is at work nothing leaves its incident.
    """

    def __init__(self, faults: Mapping[str, Fault], causes: FaultCauses, dependencies: Dependencies) -> None:
        self._faults = faults
        self._causes = causes
        self._dependencies = dependencies

    def group(
        self,
        present: Iterable[Candidate],
        known: Sequence[Incident],
        lasting: Mapping[int, Sequence[Candidate]],
        now: datetime,
    ) -> Grouping:
        """Place everything that is present; ``lasting`` are faults of incidents, not seen and not over."""
        placing = _Placing(known, lasting)
        for candidate in present:
            placing.take_in(candidate, now)
        relations = Relations(placing.troubles.values(), self._faults, self._causes, self._dependencies)
        by_root: dict[int, list[Trouble]] = defaultdict(list)
        roots: dict[int, Trouble] = {}
        for trouble in placing.troubles.values():
            root = relations.root_of(trouble)
            roots[id(root)] = root
            by_root[id(root)].append(trouble)
        for key, members in by_root.items():
            placing.place(roots[key], members)
        return Grouping(placing.held, placing.opened, placing.merged)

    def relate(self, candidates: Iterable[Candidate]) -> tuple[list[Trouble], Relations]:
        """Return the troubles of one incident and how they hang together."""
        troubles: dict[str, Trouble] = {}
        for candidate in candidates:
            troubles.setdefault(candidate.entity, Trouble(candidate.entity)).present.append(candidate)
        related = list(troubles.values())
        return related, Relations(related, self._faults, self._causes, self._dependencies)


class _Placing:
    """One poll's candidates on their way to incidents."""

    def __init__(self, known: Sequence[Incident], lasting: Mapping[int, Sequence[Candidate]]) -> None:
        self.held: dict[int, list[Candidate]] = defaultdict(list)
        self.opened: list[Opening] = []
        self.merged: dict[int, int] = {}
        self.troubles: dict[str, Trouble] = {}
        self._by_id = {one.id: one for one in known if not one.state.final}
        self._final: dict[tuple[str, str], Incident] = {}
        self._owners: dict[str, int] = {}
        self._parents: dict[str, int] = {}
        for incident in known:
            if incident.state.final:
                self._final.update({one.key: incident for one in incident.diagnosis.candidates})
        # whose own entity it is goes before who holds it as an effect
        for incident in self._by_id.values():
            self._owners.setdefault(incident.entity, incident.id)
        for incident in self._by_id.values():
            for one in incident.diagnosis.candidates:
                self._owners.setdefault(one.entity, incident.id)
            for one in lasting.get(incident.id, ()):
                self._trouble(one.entity).lasting.append(one)

    def _trouble(self, entity: str) -> Trouble:
        if entity not in self.troubles:
            self.troubles[entity] = Trouble(entity, owner=self._owners.get(entity))
        return self.troubles[entity]

    def take_in(self, candidate: Candidate, now: datetime) -> None:
        """Give a candidate to an incident that is over and still shows it, else to its entity."""
        before = self._final.get(candidate.key)
        if before is not None:
            if _still_shows(candidate, before, now):
                self.held[before.id].append(candidate)
                return
            self._parents[candidate.entity] = before.id
        self._trouble(candidate.entity).present.append(candidate)

    def place(self, root: Trouble, members: Sequence[Trouble]) -> None:
        """Give a cause and its effects to the incident that holds them, or open one."""
        anchor = self._anchor(root, members)
        loose: list[Candidate] = []
        parent: int | None = None
        for member in members:
            owner = self._by_id.get(member.owner) if member.owner is not None else None
            if owner is not None and owner is not anchor and _stays(member, owner):
                if anchor is not None and member.present and owner.state in DIAGNOSED_STATES:
                    self.merged[owner.id] = anchor.id
                    self.held[anchor.id] += member.present
                else:
                    self.held[owner.id] += member.present
            elif anchor is not None:
                self.held[anchor.id] += member.present
            else:
                loose += member.present
                left = owner.id if owner is not None else self._parents.get(member.entity)
                parent = left if parent is None else parent
        if loose:
            self.opened.append(Opening(loose, parent))

    def _anchor(self, root: Trouble, members: Sequence[Trouble]) -> Incident | None:
        """Return the incident that a cause belongs to: its own, or that of an effect it may join."""
        entities = {member.entity for member in members}
        owner = self._by_id.get(root.owner) if root.owner is not None else None
        if owner is not None:
            return owner if owner.entity in entities or _stays(root, owner) else None
        owners = (self._by_id.get(member.owner) for member in members if member.owner is not None)
        joined = [one for one in owners if one is not None and one.entity in entities and _joins(root, one)]
        return min(joined, key=lambda one: one.id, default=None)


def _stays(member: Trouble, owner: Incident) -> bool:
    return owner.entity == member.entity or owner.state in AT_WORK_STATES or not member.present


def _joins(cause: Trouble, incident: Incident) -> bool:
    """Return whether a cause that shows later becomes part of its effect's incident.

    People who have the effect would only be told, and behind a run on another host it would have to wait
    for nothing: there it is an incident of its own, and treated.
    """
    if incident.state in AT_WORK_STATES:
        return any(one.labels.get("host") == incident.host for one in cause.present)
    return incident.state in DIAGNOSED_STATES


def _still_shows(candidate: Candidate, incident: Incident, now: datetime) -> bool:
    """Return whether a candidate is what an incident that is over was about, and not yet gone since.

    What a person closed stays closed while it lasts. After a recovery only what the incident was about
    may linger, such as an alert not yet resolved, and not for long.
    """
    if incident.state is IncidentState.CLOSED:
        return True
    recovered_at = incident.closed_at
    if candidate.entity != incident.entity or recovered_at is None or now - recovered_at > LINGER:
        return False
    return began(candidate) <= recovered_at
