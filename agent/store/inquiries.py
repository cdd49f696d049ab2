"""What was found out about incidents; of each incident the newest inquiries are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select

from agent.records.inquiries import Inquiry
from agent.records.probes import ProbeAnswer
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import inquiries

_KEPT = 3  # of each incident
_Answers = tuple[ProbeAnswer, ...]


class InquiryStore:
    """Keeps inquiries with the incident they are about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, inquiry: Inquiry) -> None:
        """Remember an inquiry and forget the oldest of its incident."""
        mine = inquiries.c.incident_id == inquiry.incident_id
        newest = select(inquiries.c.id).where(mine).order_by(inquiries.c.id.desc()).limit(_KEPT)
        with self._database.transaction() as connection:
            connection.execute(
                insert(inquiries).values(
                    incident_id=inquiry.incident_id,
                    at=inquiry.at,
                    report=to_json(dict[str, Any], dict(inquiry.report)),
                    probes=to_json(_Answers, inquiry.probes),
                    seconds=inquiry.seconds,
                    error=inquiry.error,
                )
            )
            connection.execute(delete(inquiries).where(mine, inquiries.c.id.not_in(newest)))

    def newest(self, incident_id: int) -> Inquiry | None:
        """Return the newest inquiry about an incident, or None."""
        found = self.of_incident(incident_id)
        return found[-1] if found else None

    def of_incident(self, incident_id: int) -> Sequence[Inquiry]:
        """Return the inquiries about an incident, oldest first."""
        query = select(inquiries).where(inquiries.c.incident_id == incident_id).order_by(inquiries.c.id)
        with self._database.reading() as connection:
            return [_to_inquiry(row) for row in connection.execute(query)]


def _to_inquiry(row: Row[Any]) -> Inquiry:
    return Inquiry(
        incident_id=row.incident_id,
        at=row.at,
        report=from_json(dict[str, Any], row.report),
        probes=from_json(_Answers, row.probes),
        seconds=row.seconds,
        error=row.error,
    )
