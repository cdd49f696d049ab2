"""What is old forgotten, each kind of record after a time of its own, what takes most room first.

What is at work, waits, is asked or is for people stays whatever its age. Each transaction forgets a little,
so that nobody waits long for the store.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Delete, delete, exists, or_, select, update

from agent.config.retention import RetentionSection
from agent.records import RunPhase
from agent.records.incidents import FINAL_STATES
from agent.store.audit import AuditStore
from agent.store.engine import Database
from agent.store.schema import (
    alerts,
    decision_links,
    events,
    failure_forecasts,
    feedback,
    forecasts,
    incident_topologies,
    incidents,
    investigations,
    log_counts,
    notifications,
    pauses,
    remediation_orders,
    runs,
    steps,
    task_events,
    topologies,
)

FORGOTTEN = "(forgotten)"
_FAILURES = timedelta(days=30)  # there are many of them: three a day and host at least
_AT_ONCE = 200  # runs or incidents in one transaction


class Retention:
    """Forgets by the ages that the settings give."""

    def __init__(self, database: Database, audit: AuditStore, folder: Path) -> None:
        self._database = database
        self._audit = audit
        self._folder = folder

    def forget(self, ages: RetentionSection, now: datetime) -> dict[str, int]:
        """Forget what is older than its kind is kept; return how many records of each kind went.

        Raises StoreError.
        """
        looks: dict[str, Callable[[Connection], int]] = {
            "step_output": partial(_shrink_runs, before=now - ages.step_output),
            "investigations": partial(_forget_investigations, before=now - ages.investigations),
            **{kind: partial(_count, statement=one) for kind, one in _of_one_table(ages, now).items()},
            "incidents": partial(_forget_incidents, before=now - ages.incidents),
        }
        gone = {kind: self._until_nothing_is_left(look) for kind, look in looks.items()}
        with self._database.transaction() as connection:
            _forget_remains(connection, now - ages.incidents)
        # whole months, so that there is a file a month and not one an hour
        month = (now - ages.audit).astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        segment = self._audit.seal(month, self._folder, now)
        gone["audit"] = segment.last_id - segment.first_id + 1 if segment else 0
        return {kind: count for kind, count in gone.items() if count}

    def _until_nothing_is_left(self, look: Callable[[Connection], int]) -> int:
        total = 0
        while True:
            with self._database.transaction() as connection:
                count = look(connection)
            total += count
            if count < _AT_ONCE:
                return total


def _of_one_table(ages: RetentionSection, now: datetime) -> dict[str, Delete]:
    """Return what forgets kinds that stand alone; feedback and orders about an incident go with it."""
    of_no_incident = feedback.c.incident_id.is_(None)
    ordered_nothing = remediation_orders.c.incident_id.is_(None)
    expired = decision_links.c.expires_at < now - ages.decision_links
    return {
        "alerts": delete(alerts).where(alerts.c.resolved_at < now - ages.alerts),
        "events": delete(events).where(events.c.received_at < now - ages.events),
        "log_counts": delete(log_counts).where(log_counts.c.at < now - ages.log_counts),
        "forecasts": delete(forecasts).where(forecasts.c.ended_at < now - ages.forecasts),
        "failure_forecasts": delete(failure_forecasts).where(
            failure_forecasts.c.ended_at < now - min(ages.forecasts, _FAILURES)
        ),
        "feedback": delete(feedback).where(of_no_incident, feedback.c.at < now - ages.feedback),
        "orders": delete(remediation_orders).where(
            ordered_nothing, remediation_orders.c.at < now - ages.orders
        ),
        "decision_links": delete(decision_links).where(expired),
    }


def _shrink_runs(connection: Connection, before: datetime) -> int:
    """Forget what playbooks printed and the tasks they went through; how each step ended stays."""
    printed = exists().where(steps.c.run_id == runs.c.id, steps.c.output.not_in(["", FORGOTTEN]))
    told = exists().where(task_events.c.run_id == runs.c.id)
    query = (
        select(runs.c.id)
        .where(runs.c.phase == RunPhase.OVER.value, runs.c.created_at < before, or_(printed, told))
        .limit(_AT_ONCE)
    )
    ids = list(connection.execute(query).scalars())
    shrunk = steps.c.run_id.in_(ids) & (steps.c.output != "")
    connection.execute(update(steps).where(shrunk).values(output=FORGOTTEN))
    connection.execute(delete(task_events).where(task_events.c.run_id.in_(ids)))
    return len(ids)


def _forget_investigations(connection: Connection, before: datetime) -> int:
    over = select(incidents.c.id).where(incidents.c.state.in_([state.value for state in FINAL_STATES]))
    old = investigations.c.at < before
    return _count(connection, delete(investigations).where(old, investigations.c.incident_id.in_(over)))


def _forget_incidents(connection: Connection, before: datetime) -> int:
    """Forget incidents that are over, with all that was done, asked and told about them."""
    unfinished = exists().where(runs.c.incident_id == incidents.c.id, runs.c.phase != RunPhase.OVER.value)
    query = (
        select(incidents.c.id)
        .where(incidents.c.state.in_([state.value for state in FINAL_STATES]))
        .where(incidents.c.closed_at < before, incidents.c.symptomatic.is_(False), ~unfinished)
        .limit(_AT_ONCE)
    )
    ids = list(connection.execute(query).scalars())
    connection.execute(delete(incidents).where(incidents.c.id.in_(ids)))
    return len(ids)


def _forget_remains(connection: Connection, before: datetime) -> None:
    """Forget what belonged to nothing, or to nothing any more."""
    connection.execute(delete(pauses).where(pauses.c.ended_at < before))
    settled = notifications.c.state != "waiting"
    own = notifications.c.incident_id.is_(None) & (notifications.c.created_at < before)
    connection.execute(delete(notifications).where(own, settled))
    used = select(incident_topologies.c.version)
    unused = topologies.c.version.not_in(used) & (topologies.c.first_seen_at < before)
    connection.execute(delete(topologies).where(unused))


def _count(connection: Connection, statement: Delete) -> int:
    return int(connection.execute(statement).rowcount)
