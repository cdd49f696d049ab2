"""What the past says to guards and to ranking. Everything is asked of the tables, nothing is cached."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.engine import Row

from agent.records import IncidentState, Plan, RunPhase, Trial
from agent.records.autonomy import AutonomyStep
from agent.records.decisions import subject_of
from agent.records.incidents import ACTIVE_STATES
from agent.records.runs import NOTHING_DONE
from agent.store.autonomy import steps_of_autonomy
from agent.store.engine import Database
from agent.store.runs import whether_healed
from agent.store.schema import host_locks, incidents, run_hosts, runs

_TRIALS = 200  # runs of a remediation, the newest
_UNDER_WAY = runs.c.phase.in_([phase.value for phase in RunPhase if phase is not RunPhase.OVER])
# what was not begun, or never reached its host, holds nothing back
_COUNTS = _UNDER_WAY | and_(
    runs.c.started_at.is_not(None),
    func.coalesce(runs.c.verdict_reason, "").not_in([reason.value for reason in NOTHING_DONE]),
)


class Reader(Protocol):
    """Who lets us read."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Yield a connection that only reads."""


class History:
    """Reads runs and incidents as the guards need them."""

    def __init__(self, reader: Database | Reader) -> None:
        self._reader = reader

    @classmethod
    def within(cls, connection: Connection) -> History:
        """Return a history that sees what a transaction sees."""
        return cls(_Same(connection))

    def last_start(self, plan: Plan, identity: str, leaving_out: Collection[int] = ()) -> datetime | None:
        """Return when what a plan does was last started on this machine for the same fault of the same thing.

        Whatever the machine was called then: a fault that is seen under two names is cured once.
        """
        query = _starts(select(runs.c.created_at, runs.c.entity, runs.c.plan), plan.remediation, identity)
        query = query.where(runs.c.fault == plan.fault)
        if leaving_out:
            query = query.where(runs.c.id.not_in(leaving_out))
        with self._reader.reading() as connection:
            rows = connection.execute(query.order_by(runs.c.created_at.desc()))
            return next((row.created_at for row in rows if _subject(row) == plan.subject), None)

    def starts_since(self, remediation: str, identity: str, since: datetime) -> Sequence[datetime]:
        """Return when this remediation was started on this machine since then, oldest first."""
        query = _starts(select(runs.c.created_at), remediation, identity)
        query = query.where(runs.c.created_at >= since).order_by(runs.c.created_at)
        with self._reader.reading() as connection:
            return list(connection.execute(query).scalars())

    def touched_since(self, since: datetime) -> Mapping[str, datetime]:
        """Return the machines on which anything was started since then, with when it last was."""
        recent = select(runs.c.id, runs.c.created_at).where(runs.c.created_at >= since, _COUNTS)
        query = select(run_hosts.c.identity, run_hosts.c.run_id)
        with self._reader.reading() as connection:
            started = {row.id: row.created_at for row in connection.execute(recent)}
            touched: dict[str, datetime] = {}
            if not started:
                return touched
            for row in connection.execute(query.where(run_hosts.c.run_id.in_(started))):
                at = started[row.run_id]
                touched[row.identity] = max(at, touched.get(row.identity, at))
        return touched

    def busy_hosts(self) -> frozenset[str]:
        """Return the machines that a run has to itself until it is judged."""
        with self._reader.reading() as connection:
            return frozenset(connection.execute(select(host_locks.c.identity)).scalars())

    def troubled_hosts(self) -> frozenset[str]:
        """Return what is called the host of an incident that is not over."""
        active = incidents.c.state.in_([state.value for state in ACTIVE_STATES])
        query = select(incidents.c.host).where(active).distinct()
        with self._reader.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def openings_since(self, since: datetime) -> Sequence[datetime]:
        """Return when incidents were opened since then, oldest first."""
        query = select(incidents.c.opened_at).where(incidents.c.opened_at >= since)
        with self._reader.reading() as connection:
            return list(connection.execute(query.order_by(incidents.c.opened_at)).scalars())

    def recoveries_since(self, fault: str, entity: str, since: datetime) -> int:
        """Return how often this fault on this entity was healed since then."""
        query = select(func.count()).where(
            incidents.c.fault == fault,
            incidents.c.entity == entity,
            incidents.c.state == IncidentState.RECOVERED.value,
            incidents.c.closed_at >= since,
        )
        with self._reader.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def trials(self, remediation: str) -> Sequence[Trial]:
        """Return the newest runs of a remediation that are under way or said something, newest first."""
        query = (
            select(runs)
            .where(runs.c.remediation == remediation, _UNDER_WAY | runs.c.tells)
            .order_by(runs.c.created_at.desc())
            .limit(_TRIALS)
        )
        with self._reader.reading() as connection:
            return [_to_trial(row) for row in connection.execute(query)]

    def autonomy(self, remediation: str, fault: str) -> Sequence[AutonomyStep]:
        """Return the steps of a remediation's autonomy for a fault, oldest first."""
        with self._reader.reading() as connection:
            return steps_of_autonomy(connection, remediation, fault)

    def untreated(self, fault: str, incident_id: int, at: datetime) -> tuple[int, int]:
        """Return how many other incidents of a fault were open then without any run, and are well now."""
        treated = select(runs.c.incident_id).where(runs.c.started_at.is_not(None))
        peers = (
            (incidents.c.fault == fault)
            & (incidents.c.id != incident_id)
            & (incidents.c.opened_at <= at)
            & (incidents.c.closed_at.is_(None) | (incidents.c.closed_at > at))
            & incidents.c.id.not_in(treated)
        )
        query = select(func.count(), func.count().filter(~incidents.c.symptomatic)).where(peers)
        with self._reader.reading() as connection:
            row = connection.execute(query).one()
            return int(row[0]), int(row[1])

    def spontaneous(self, fault: str) -> tuple[int, int]:
        """Return how many incidents of a fault went away without a run, and how many there were."""
        treated = select(runs.c.incident_id).where(runs.c.started_at.is_not(None))
        over = incidents.c.state.in_([IncidentState.CLEARED.value, IncidentState.RECOVERED.value])
        alone = (incidents.c.state == IncidentState.CLEARED.value) & incidents.c.id.not_in(treated)
        query = select(func.count().filter(alone), func.count().filter(over)).where(
            incidents.c.fault == fault
        )
        with self._reader.reading() as connection:
            row = connection.execute(query).one()
            return int(row[0]), int(row[1])


class _Same:
    """Lets those who read do so inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        yield self._connection


def _starts(query: Any, remediation: str, identity: str) -> Any:
    joined = query.select_from(runs).join(run_hosts, run_hosts.c.run_id == runs.c.id)
    return joined.where(runs.c.remediation == remediation, run_hosts.c.identity == identity, _COUNTS)


def _subject(row: Row[Any]) -> str:
    plan = json.loads(row.plan)
    called = {name for key in ("hosts", "companions", "names") for name in plan.get(key, ())}
    return subject_of(row.entity, called)


def _to_trial(row: Row[Any]) -> Trial:
    plan = json.loads(row.plan)
    under_way = row.phase != RunPhase.OVER.value
    return Trial(
        run_id=row.id,
        fault=row.fault,
        digest=plan.get("digest", ""),
        machines=frozenset((plan.get("identities") or {}).values()) or frozenset(plan.get("hosts", ())),
        groups=frozenset(plan.get("groups", ())),
        healed=whether_healed(row),
        judged_at=row.verified_at,
        under_way=under_way,
    )
