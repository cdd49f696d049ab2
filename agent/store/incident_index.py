"""Incidents as lists show them: short, by filters, page by page, without what each is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.engine import Row

from agent.reasons import Reason
from agent.records import IncidentState
from agent.records.incidents import ACTIVE_STATES
from agent.store.engine import Database
from agent.store.filters import narrowed
from agent.store.schema import incidents

_COLUMNS = (
    incidents.c.id,
    incidents.c.state,
    incidents.c.reason,
    incidents.c.detail,
    incidents.c.title,
    incidents.c.entity,
    incidents.c.host,
    incidents.c.fault,
    incidents.c.symptomatic,
    incidents.c.opened_at,
    incidents.c.updated_at,
    incidents.c.closed_at,
    incidents.c.acknowledged_by,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSummary:
    """One incident in a line."""

    id: int
    state: IncidentState
    reason: Reason | None
    detail: str
    title: str
    entity: str
    host: str
    fault: str | None
    symptomatic: bool
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    acknowledged_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """Which incidents: all that is given must fit. Times bound when they were opened."""

    states: tuple[IncidentState, ...] = ()
    entity: str | None = None
    host: str | None = None
    fault: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class IncidentIndex:
    """Reads lists of incidents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, wanted: IncidentFilter, limit: int = 50, before: int | None = None
    ) -> list[IncidentSummary]:
        """Return the newest incidents first, older than ``before`` where it is given."""
        query = _filtered(select(*_COLUMNS), wanted).order_by(incidents.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(incidents.c.id < before)
        with self._database.reading() as connection:
            return [_to_summary(row) for row in connection.execute(query)]

    def counts(self) -> Mapping[IncidentState, int]:
        """Return how many incidents are in each state in which they are not over."""
        active = [state.value for state in ACTIVE_STATES]
        query = (
            select(incidents.c.state, func.count())
            .where(incidents.c.state.in_(active))
            .group_by(incidents.c.state)
        )
        with self._database.reading() as connection:
            return {IncidentState(row[0]): row[1] for row in connection.execute(query)}


def _filtered(query: Select[Any], wanted: IncidentFilter) -> Select[Any]:
    if wanted.states:
        query = query.where(incidents.c.state.in_([state.value for state in wanted.states]))
    return narrowed(query, incidents, wanted, ("entity", "host", "fault"), incidents.c.opened_at)


def _to_summary(row: Row[Any]) -> IncidentSummary:
    return IncidentSummary(
        id=row.id,
        state=IncidentState(row.state),
        reason=Reason(row.reason) if row.reason else None,
        detail=row.detail,
        title=row.title,
        entity=row.entity,
        host=row.host,
        fault=row.fault,
        symptomatic=row.symptomatic,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        closed_at=row.closed_at,
        acknowledged_by=row.acknowledged_by,
    )
