"""What became of what people said of diagnoses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select

from agent.records.proposals import Proposal, ProposalState
from agent.store.audit import append
from agent.store.engine import Database
from agent.store.schema import proposals


class ProposalStore:
    """Keeps what became of feedback."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[int, Proposal]:
        """Return what became of it, by the number of the feedback."""
        with self._database.reading() as connection:
            return {
                row.feedback_id: Proposal(
                    feedback_id=row.feedback_id, state=ProposalState(row.state), at=row.at, why=row.why
                )
                for row in connection.execute(select(proposals))
            }

    def settle(self, found: Sequence[Proposal], authors: Mapping[int, str], actor: str) -> None:
        """Keep what became of some, and write it into the audit log with whose words they were."""
        with self._database.transaction() as connection:
            for one in found:
                mine = proposals.c.feedback_id == one.feedback_id
                connection.execute(delete(proposals).where(mine))
                values = {"feedback_id": one.feedback_id, "state": one.state.value, "at": one.at}
                connection.execute(insert(proposals).values(**values, why=one.why))
                told = {"why": one.why, "author": authors.get(one.feedback_id, "")}
                about = f"feedback {one.feedback_id}"
                append(connection, one.at, actor, f"feedback {one.state.value}", about, told)
