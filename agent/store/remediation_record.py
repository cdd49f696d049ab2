"""What came of remediations so far: how often each ran, how often it healed, how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from agent.records import Verdict
from agent.store.engine import Database
from agent.store.schema import runs


@dataclass(frozen=True, slots=True, kw_only=True)
class RemediationRecord:
    """The record of one remediation. ``seconds`` is how long its runs took on average."""

    remediation: str
    runs: int = 0
    recovered: int = 0
    not_recovered: int = 0
    worse: int = 0
    unknown: int = 0
    seconds: float | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run in a line."""

    id: int
    incident_id: int
    entity: str
    fault: str
    state: str
    verdict: str
    started_at: datetime | None
    ended_at: datetime | None


class RemediationRecords:
    """Reads what came of remediations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Mapping[str, RemediationRecord]:
        """Return the record of every remediation that ever began, by name."""
        verdicts = {
            verdict.value: func.count().filter(runs.c.verdict == verdict.value).label(verdict.value)
            for verdict in (Verdict.RECOVERED, Verdict.NOT_RECOVERED, Verdict.WORSE, Verdict.UNKNOWN)
        }
        took = (func.julianday(runs.c.ended_at) - func.julianday(runs.c.started_at)) * 86_400.0
        query = (
            select(
                runs.c.remediation,
                func.count().label("number"),
                func.avg(took).label("seconds"),
                func.max(runs.c.started_at).label("last_at"),
                *verdicts.values(),
            )
            .where(runs.c.started_at.is_not(None))
            .group_by(runs.c.remediation)
        )
        with self._database.reading() as connection:
            return {
                row.remediation: RemediationRecord(
                    remediation=row.remediation,
                    runs=row.number,
                    recovered=row.recovered,
                    not_recovered=row.not_recovered,
                    worse=row.worse,
                    unknown=row.unknown,
                    seconds=row.seconds,
                    last_at=row.last_at,
                )
                for row in connection.execute(query)
            }

    def runs(self, remediation: str, limit: int) -> list[RunSummary]:
        """Return the newest runs of a remediation first."""
        columns = (
            runs.c.id,
            runs.c.incident_id,
            runs.c.entity,
            runs.c.fault,
            runs.c.state,
            runs.c.verdict,
            runs.c.started_at,
            runs.c.ended_at,
        )
        mine = runs.c.remediation == remediation
        query = select(*columns).where(mine).order_by(runs.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [RunSummary(**row._mapping) for row in connection.execute(query)]
