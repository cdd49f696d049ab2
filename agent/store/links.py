"""Links by which one person may answer one request, by the digest of each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select

from agent.records.links import DecisionLink
from agent.store.engine import Database
from agent.store.schema import decision_links


class LinkStore:
    """Keeps links, of which those that have expired are worth nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, link: DecisionLink) -> None:
        """Keep a link."""
        with self._database.transaction() as connection:
            connection.execute(
                insert(decision_links).values(
                    id=link.id,
                    person=link.person,
                    incident_id=link.incident_id,
                    approval_id=link.approval_id,
                    created_at=link.created_at,
                    expires_at=link.expires_at,
                )
            )

    def find(self, link_id: str, now: datetime) -> DecisionLink | None:
        """Return a link that has not expired, or None."""
        mine = (decision_links.c.id == link_id) & (decision_links.c.expires_at > now)
        with self._database.reading() as connection:
            row = connection.execute(select(decision_links).where(mine)).first()
        return DecisionLink(**row._mapping) if row is not None else None
