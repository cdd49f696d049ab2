"""Runs as lists show them, by filters, page by page; and what came of each remediation so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.engine import Row

from agent.reasons import Reason
from agent.records import RunState, Verdict
from agent.store.engine import Database
from agent.store.filters import narrowed
from agent.store.schema import runs

_COLUMNS = (
    runs.c.id,
    runs.c.incident_id,
    runs.c.remediation,
    runs.c.fault,
    runs.c.entity,
    runs.c.state,
    runs.c.reason,
    runs.c.verdict,
    runs.c.actor,
    runs.c.created_at,
    runs.c.started_at,
    runs.c.ended_at,
    runs.c.verified_at,
)


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
    remediation: str
    fault: str
    entity: str
    state: RunState
    reason: Reason | None
    verdict: Verdict
    actor: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    verified_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs: all that is given must fit. Times bound when they were intended."""

    incident_id: int | None = None
    remediation: str | None = None
    state: RunState | None = None
    verdict: Verdict | None = None
    since: datetime | None = None
    until: datetime | None = None


class RunIndex:
    """Reads lists of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, wanted: RunFilter, limit: int = 50, before: int | None = None) -> list[RunSummary]:
        """Return the newest runs first, older than ``before`` where it is given."""
        query = _filtered(select(*_COLUMNS), wanted).order_by(runs.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(runs.c.id < before)
        with self._database.reading() as connection:
            return [_to_summary(row) for row in connection.execute(query)]

    def records(self) -> Mapping[str, RemediationRecord]:
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


def _filtered(query: Select[Any], wanted: RunFilter) -> Select[Any]:
    columns = ("incident_id", "remediation", "state", "verdict")
    return narrowed(query, runs, wanted, columns, runs.c.created_at)


def _to_summary(row: Row[Any]) -> RunSummary:
    return RunSummary(
        id=row.id,
        incident_id=row.incident_id,
        remediation=row.remediation,
        fault=row.fault,
        entity=row.entity,
        state=RunState(row.state),
        reason=Reason(row.reason) if row.reason else None,
        verdict=Verdict(row.verdict),
        actor=row.actor,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        verified_at=row.verified_at,
    )
