"""What the past says to guards and to ranking. Everything is asked of the tables, nothing is cached."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from agent.records import IncidentState, Verdict
from agent.records.incidents import ACTIVE_STATES
from agent.store.engine import Database
from agent.store.schema import host_locks, incidents, run_hosts, runs

# an intent that never became a start holds nothing back
_COUNTS = runs.c.started_at.is_not(None) | (runs.c.verdict == Verdict.PENDING.value)
_JUDGED = runs.c.started_at.is_not(None) & (runs.c.verdict != Verdict.PENDING.value)


class History:
    """Reads runs and incidents as the guards need them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_start(self, remediation: str, host: str, fault: str, entity: str) -> datetime | None:
        """Return when this remediation was last started on this host for this fault of this entity."""
        query = (
            select(func.max(runs.c.created_at))
            .join(run_hosts, run_hosts.c.run_id == runs.c.id)
            .where(
                runs.c.remediation == remediation,
                run_hosts.c.host == host,
                runs.c.fault == fault,
                runs.c.entity == entity,
                _COUNTS,
            )
        )
        with self._database.reading() as connection:
            last: datetime | None = connection.execute(query).scalar()
            return last

    def starts_since(self, remediation: str, host: str, since: datetime) -> int:
        """Return how often this remediation was started on this host since then."""
        query = (
            select(func.count())
            .select_from(runs)
            .join(run_hosts, run_hosts.c.run_id == runs.c.id)
            .where(
                runs.c.remediation == remediation,
                run_hosts.c.host == host,
                runs.c.created_at >= since,
                _COUNTS,
            )
        )
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def hosts_since(self, since: datetime) -> frozenset[str]:
        """Return the hosts on which anything was started since then."""
        recent = select(runs.c.id).where(runs.c.created_at >= since, _COUNTS)
        query = select(run_hosts.c.host).where(run_hosts.c.run_id.in_(recent)).distinct()
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def busy_hosts(self) -> frozenset[str]:
        """Return the hosts on which a run is at work."""
        with self._database.reading() as connection:
            return frozenset(connection.execute(select(host_locks.c.host)).scalars())

    def troubled_hosts(self) -> frozenset[str]:
        """Return the hosts with an incident that is not over."""
        active = incidents.c.state.in_([state.value for state in ACTIVE_STATES])
        query = select(incidents.c.host).where(active).distinct()
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def incidents_since(self, since: datetime) -> int:
        """Return how many incidents were opened since then."""
        query = select(func.count()).where(incidents.c.opened_at >= since)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def recoveries_since(self, fault: str, entity: str, since: datetime) -> int:
        """Return how often this fault on this entity was healed since then."""
        query = select(func.count()).where(
            incidents.c.fault == fault,
            incidents.c.entity == entity,
            incidents.c.state == IncidentState.RECOVERED.value,
            incidents.c.closed_at >= since,
        )
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def last_verdicts(self, remediation: str, count: int) -> list[tuple[Verdict, datetime]]:
        """Return the last verdicts on a remediation with their time, the newest first."""
        query = (
            select(runs.c.verdict, runs.c.verified_at)
            .where(runs.c.remediation == remediation, _JUDGED)
            .order_by(runs.c.verified_at.desc())
            .limit(count)
        )
        with self._database.reading() as connection:
            return [(Verdict(row.verdict), row.verified_at) for row in connection.execute(query)]

    def success(self, remediation: str, fault: str) -> tuple[int, int]:
        """Return how often a remediation healed this fault, and how often it was tried for it."""
        query = (
            select(runs.c.verdict, func.count())
            .where(runs.c.remediation == remediation, runs.c.fault == fault, _JUDGED)
            .group_by(runs.c.verdict)
        )
        with self._database.reading() as connection:
            counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
        return counts.get(Verdict.RECOVERED.value, 0), sum(counts.values())

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
        with self._database.reading() as connection:
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
        with self._database.reading() as connection:
            row = connection.execute(query).one()
            return int(row[0]), int(row[1])
