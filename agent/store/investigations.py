"""What was found out about incidents; of each incident the newest investigations are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select

from agent.records.investigations import Investigation
from agent.records.probes import ProbeAnswer
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import investigations

_KEPT = 3  # of each incident
_Answers = tuple[ProbeAnswer, ...]


class InvestigationStore:
    """Keeps investigations with the incident they are about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, investigation: Investigation) -> None:
        """Remember an investigation and forget the oldest of its incident."""
        mine = investigations.c.incident_id == investigation.incident_id
        newest = select(investigations.c.id).where(mine).order_by(investigations.c.id.desc()).limit(_KEPT)
        with self._database.transaction() as connection:
            connection.execute(
                insert(investigations).values(
                    incident_id=investigation.incident_id,
                    at=investigation.at,
                    report=to_json(dict[str, Any], dict(investigation.report)),
                    probes=to_json(_Answers, investigation.probes),
                    seconds=investigation.seconds,
                    error=investigation.error,
                )
            )
            connection.execute(delete(investigations).where(mine, investigations.c.id.not_in(newest)))

    def newest(self, incident_id: int) -> Investigation | None:
        """Return the newest investigation about an incident, or None."""
        found = self.of_incident(incident_id)
        return found[-1] if found else None

    def of_incident(self, incident_id: int) -> Sequence[Investigation]:
        """Return the investigations about an incident, oldest first."""
        query = (
            select(investigations)
            .where(investigations.c.incident_id == incident_id)
            .order_by(investigations.c.id)
        )
        with self._database.reading() as connection:
            return [_to_investigation(row) for row in connection.execute(query)]


def _to_investigation(row: Row[Any]) -> Investigation:
    return Investigation(
        incident_id=row.incident_id,
        at=row.at,
        report=from_json(dict[str, Any], row.report),
        probes=from_json(_Answers, row.probes),
        seconds=row.seconds,
        error=row.error,
    )
