"""Finished incidents in the store, as the past cases that diagnosis compares with."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from agent.records import Verdict
from agent.records.cases import PastCase
from agent.store.engine import Database
from agent.store.incidents import to_incident
from agent.store.schema import incidents, runs

_MOST = 500  # the newest; older ones are of a system that has changed since


class CaseStore:
    """Reads what was repaired, and by what."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def proved(self, most: int = _MOST) -> Sequence[PastCase]:
        """Return incidents whose repair was proved on metrics, the newest first.

        What a person chose for a fault that nobody could name teaches nothing by its name and is left out.
        """
        query = (
            select(incidents, runs.c.remediation.label("helped"), runs.c.fault.label("repaired"))
            .join(runs, runs.c.incident_id == incidents.c.id)
            .where(runs.c.verdict == Verdict.RECOVERED.value, runs.c.fault != "unknown")
            .order_by(incidents.c.id.desc())
            .limit(most)
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
