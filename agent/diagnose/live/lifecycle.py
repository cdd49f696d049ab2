"""One poll's candidates and the known incidents in, incidents as they are now out: changed, over, opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.config.rulefiles import Fault
from agent.diagnose.live.dependencies import Dependencies
from agent.diagnose.live.fault_causes import FaultCauses
from agent.diagnose.live.fuse import fuse
from agent.diagnose.live.grouping import AT_WORK_STATES, IncidentGrouper, Opening
from agent.diagnose.live.presence import Clearance, Visibility
from agent.diagnose.live.relations import Relations, Trouble
from agent.reasons import Reason
from agent.records import Candidate, Diagnosis, Incident, IncidentState

_MOST_EFFECTS = 5  # told as evidence


@dataclass(frozen=True, slots=True)
class Changes:
    """Every known incident as it is now, and new ones that have no id yet."""

    known: Sequence[Incident]
    opened: Sequence[Incident]


class IncidentLifecycle:
    """Keeps incidents true to what is seen, until evidence says that they are over.

    The diagnosis of every incident is kept current, also after people were called. While a run is at
    work the incident stays about what the run treats, and what joins is kept for the decision after it.
    """

    def __init__(
        self,
        faults: Mapping[str, Fault],
        dependencies: Dependencies | None = None,
        keep_for: timedelta = timedelta(minutes=1),
        clearance: Clearance | None = None,
    ) -> None:
        self._faults = faults
        self._causes = FaultCauses(faults)
        self._keep_for = keep_for
        self._clearance = clearance or Clearance()
        self._grouper = IncidentGrouper(faults, self._causes, dependencies or Dependencies())

    def update(
        self, candidates: Iterable[Candidate], known: Sequence[Incident], shown: Visibility, now: datetime
    ) -> Changes:
        """Return what becomes of every known incident, and which incidents begin."""
        present = fuse(candidates)
        keys = {one.key for one in present}
        unseen = {one.id: self._unseen(one, keys, shown, now) for one in known}
        lasting = {id_: [one for one, over in rows if not over] for id_, rows in unseen.items()}
        kept = {
            one.id: [c for c, _ in unseen[one.id]] if one.state in AT_WORK_STATES else lasting[one.id]
            for one in known
        }
        grouping = self._grouper.group(present, known, kept, now)
        changed = [
            self._update(one, grouping.held.get(one.id, ()), kept[one.id], bool(lasting[one.id]), shown, now)
            for one in known
        ]
        changed = [_merge(one, grouping.merged.get(one.id)) for one in changed]
        self._clearance.keep([one.id for one in known])
        by_id = {one.id: one for one in known}
        return Changes(changed, [self._open(one, by_id, now) for one in grouping.opened])

    def _unseen(
        self, incident: Incident, present: set[tuple[str, str]], shown: Visibility, now: datetime
    ) -> list[tuple[Candidate, bool]]:
        """Return the faults of an incident that are not seen now, and whether each is over."""
        found = []
        for one in incident.diagnosis.candidates:
            if one.key in present:
                self._clearance.note_seen(incident.id, one)
            else:
                over = self._clearance.is_over(incident.id, one, shown, now, self._keep_for)
                found.append((one, over))
        return found

    def _update(
        self,
        incident: Incident,
        seen: Sequence[Candidate],
        unseen: Sequence[Candidate],
        lasts: bool,
        shown: Visibility,
        now: datetime,
    ) -> Incident:
        last_seen_at = now if seen else incident.last_seen_at
        if incident.state is IncidentState.RECOVERED:
            there = bool(seen) or shown.is_blind(unseen)
            return replace(incident, symptomatic=there, last_seen_at=last_seen_at)
        current = replace(incident, symptomatic=bool(seen) or lasts, last_seen_at=last_seen_at)
        if incident.state.final or not (seen or unseen):
            return current
        joined = {one.key: one.joined_at for one in incident.diagnosis.candidates}
        members = [replace(one, joined_at=joined.get(one.key) or now, seen_at=now) for one in seen]
        ranked = self._rank([*members, *unseen])
        if incident.state in AT_WORK_STATES:
            treated = [one for one in ranked if one.key == (incident.fault, incident.entity)]
            rest = [one for one in ranked if one not in treated]
            return replace(current, diagnosis=Diagnosis(candidates=(*treated, *rest)))
        return self._about(current, ranked)

    def _about(self, incident: Incident, ranked: tuple[Candidate, ...]) -> Incident:
        best = ranked[0]
        return replace(
            incident,
            diagnosis=Diagnosis(candidates=ranked),
            fault=best.fault,
            entity=best.entity,
            host=best.labels.get("host", "") or incident.host,
            title=self._title(best),
        )

    def _open(self, opening: Opening, known: Mapping[int, Incident], now: datetime) -> Incident:
        ranked = self._rank([replace(one, joined_at=now, seen_at=now) for one in opening.candidates])
        best = ranked[0]
        parent = known.get(opening.parent) if opening.parent is not None else None
        return Incident(
            entity=best.entity,
            host=best.labels.get("host", ""),
            fault=best.fault,
            title=self._title(best),
            opened_at=now,
            updated_at=now,
            last_seen_at=now,
            reason=_why_split(best, parent),
            detail=f"incident {parent.id}: {parent.title}" if parent else "",
            diagnosis=Diagnosis(candidates=ranked),
            parent_id=opening.parent,
        )

    def _rank(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Put the root first and what comes from it after it, and tell what it explains elsewhere."""
        troubles, relations = self._grouper.relate(candidates)
        order: list[tuple[int, bool, float, str, str, Candidate]] = []
        for trouble in troubles:
            depth = _depth(trouble, relations)
            faults = {one.fault for one in trouble.present}
            for one in trouble.present:
                explained = not self._causes.of(one.fault).isdisjoint(faults - {one.fault})
                later = explained or one.foreseen is not None
                order.append((depth, later, -one.confidence, one.fault, one.entity, one))
        ranked = [row[-1] for row in sorted(order, key=lambda row: row[:-1])]
        host = ranked[0].labels.get("host")
        elsewhere = [one for one in ranked[1:] if one.labels.get("host") != host]
        told = tuple(f"{one.entity}, which depends on it, shows {one.fault}" for one in elsewhere)
        evidence = dict.fromkeys((*ranked[0].evidence, *told[:_MOST_EFFECTS]))
        return (replace(ranked[0], evidence=tuple(evidence)), *ranked[1:])

    def _title(self, best: Candidate) -> str:
        fault = self._faults.get(best.fault)
        title = f"{fault.summary if fault else best.fault}: {best.entity}"
        return title if best.foreseen is None else f"Forecast: {title}"


def _merge(incident: Incident, into: int | None) -> Incident:
    """Return an incident that is part of another one now and has nothing left of its own."""
    if into is None:
        return incident
    return replace(incident, symptomatic=False, reason=Reason.PART_OF_ANOTHER, detail=f"incident {into}")


def _depth(trouble: Trouble, relations: Relations) -> int:
    """Return how many steps a trouble is away from the root it comes from."""
    root, depth = relations.root_of(trouble), 0
    one: Trouble | None = trouble
    while one is not None and one is not root:
        one, depth = relations.cause_of(one), depth + 1
    return depth


def _why_split(best: Candidate, parent: Incident | None) -> Reason | None:
    if parent is None:
        return None
    return Reason.RELAPSED if parent.entity == best.entity else Reason.CAUSE_OVER
