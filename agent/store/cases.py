"""Finished incidents in the store, as the past cases and outcomes that diagnosis learns from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, select

from agent.records import Attribution, RunState, Verdict
from agent.records.cases import Outcome, PastCase, PastIncident, Repair
from agent.records.feedback import Feedback
from agent.records.incidents import FINAL_STATES
from agent.records.proposals import ProposalState
from agent.store.documents import from_json
from agent.store.engine import Database
from agent.store.feedback import to_feedback
from agent.store.incidents import to_incident
from agent.store.schema import feedback, incidents, proposals, runs

_MOST_PAST = 20_000  # incidents that a training learns from
_MOST = 500  # the newest; older ones are of a system that has changed since
_PROVED = runs.c.verdict == Verdict.RECOVERED.value
_NOT_PROVED = runs.c.verdict.in_((Verdict.NOT_RECOVERED.value, Verdict.WORSE.value))
_NOT_TAKEN = proposals.c.state.in_((ProposalState.REFUSED.value, ProposalState.UNDONE.value))
# a repair that did not help may have been the wrong one for the right fault
_NOT_HELPED = 0.5


class CaseStore:
    """Reads what was repaired, and by what."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def proved(self) -> Sequence[PastCase]:
        """Return incidents whose repair was proved on metrics, the newest first.

        What a person chose for a fault that nobody could name teaches nothing by its name and is left out.
        """
        query = (
            select(incidents, runs.c.remediation.label("helped"), runs.c.fault.label("repaired"))
            .join(runs, runs.c.incident_id == incidents.c.id)
            .where(_PROVED, runs.c.relapsed_at.is_(None), runs.c.fault != "unknown")
            .order_by(incidents.c.id.desc())
            .limit(_MOST)
        )
        with self._database.reading() as connection:
            rows = list(connection.execute(query))
        cases = []
        for row in rows:
            incident = to_incident(row)
            sources = {s.source for one in incident.diagnosis.candidates for s in one.symptoms}
            cases.append(
                PastCase(
                    id=f"incident_{incident.id}",
                    fault=row.repaired,
                    fingerprint={f"signal:{source}": 1.0 for source in sorted(sources)},
                    helped=(row.helped,),
                    summary=incident.title,
                )
            )
        return [case for case in cases if case.fingerprint]

    def outcomes(self, most: int = _MOST, before: int | None = None) -> Sequence[Outcome]:
        """Return what came of the voters' words: whether the repair of the fault they named helped.

        It is known best when it did; when another fault turned out to be it, they were wrong; when
        nothing helped, half of that is their fault. A repair that failed or was cut short says nothing.
        Only incidents ``before`` one count where it is given.
        """
        query = (
            select(incidents, runs.c.fault.label("treated"), runs.c.verdict, runs.c.attribution)
            .join(runs, runs.c.incident_id == incidents.c.id)
            .where(_PROVED | (_NOT_PROVED & (runs.c.state == RunState.SUCCEEDED.value)))
            .where(runs.c.fault != "unknown")
            .order_by(incidents.c.id.desc(), runs.c.id)
            .limit(most)
        )
        if before is not None:
            query = query.where(incidents.c.id < before)
        by_incident: dict[int, list[Row[Any]]] = defaultdict(list)
        with self._database.reading() as connection:
            for row in connection.execute(query):
                by_incident[row.id].append(row)
        return [one for rows in by_incident.values() for one in _outcomes(rows)]

    def past(self, most: int = _MOST_PAST, every_word: bool = False) -> Sequence[PastIncident]:
        """Return the newest incidents that are over, oldest first, with their repairs and what was said.

        What was said and not taken, because by it the past is named worse, is in only with ``every_word``.
        """
        over = incidents.c.state.in_([state.value for state in FINAL_STATES])
        chosen = select(incidents).where(over).order_by(incidents.c.id.desc()).limit(most)
        numbers = select(chosen.subquery().c.id)
        done: dict[int, list[Repair]] = defaultdict(list)
        said: dict[int, list[Feedback]] = defaultdict(list)
        with self._database.reading() as connection:
            repairs = select(runs).where(runs.c.incident_id.in_(numbers)).order_by(runs.c.id)
            for row in connection.execute(repairs):
                done[row.incident_id].append(_repair(row))
            newest_first = select(feedback).order_by(feedback.c.at.desc(), feedback.c.id.desc())
            words = newest_first.where(feedback.c.incident_id.in_(numbers))
            if not every_word:
                words = words.where(feedback.c.id.not_in(select(proposals.c.feedback_id).where(_NOT_TAKEN)))
            for row in connection.execute(words):
                said[row.incident_id].append(to_feedback(row))
            found = [to_incident(row) for row in connection.execute(chosen)]
        return [
            PastIncident(incident=one, repairs=tuple(done[one.id]), said=tuple(said[one.id]))
            for one in reversed(found)
        ]


def _repair(row: Row[Any]) -> Repair:
    found = from_json(Attribution, row.attribution) if row.attribution else None
    return Repair(
        fault=row.fault,
        entity=row.entity,
        remediation=row.remediation,
        verdict=Verdict(row.verdict),
        sure=found.sure if found else 1.0,
        lasted=row.relapsed_at is None,
    )


def _outcomes(rows: Sequence[Row[Any]]) -> Iterable[Outcome]:
    """Judge each voter of one incident once for every fault that was treated."""
    helped = next((row for row in rows if row.verdict == Verdict.RECOVERED.value), None)
    found = from_json(Attribution, helped.attribution) if helped is not None and helped.attribution else None
    candidates = to_incident(rows[0]).diagnosis.candidates
    for fault in dict.fromkeys(row.treated for row in rows):
        right = helped is not None and helped.treated == fault
        sure = (found.sure if found else 1.0) if right else 1.0 if helped is not None else _NOT_HELPED
        for voter in dict.fromkeys(v for one in candidates if one.fault == fault for v in one.voters):
            yield Outcome(voter=voter, right=right, sure=sure)
