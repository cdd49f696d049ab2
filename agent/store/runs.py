"""Runs, their steps and events, and the locks on their hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.engine import Row

from agent.errors import ConflictError, NotFoundError, PausedError
from agent.reasons import Reason
from agent.records import (
    Attribution,
    CheckResult,
    Incident,
    Plan,
    Run,
    RunState,
    StepOutcome,
    TaskEvent,
    Verdict,
)
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.incidents import save_incident
from agent.store.pauses import pause_in_force
from agent.store.schema import host_locks, run_hosts, runs, steps, task_events


class RunStore:
    """Keeps runs. Intent is written before a run starts, together with the locks on its hosts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, run: Run, incident: Incident, actor: str) -> tuple[Run, Incident]:
        """Write the intent to run, lock its hosts and move the incident on, all or nothing.

        Raises ConflictError when a host is locked by another run or the incident was changed, PausedError
        when the agent is paused: once somebody was told that it is, nothing begins.
        """
        with self._database.transaction() as connection:
            pause = pause_in_force(connection, run.created_at)
            if pause is not None:
                raise PausedError(str(pause))
            _refuse_locked(connection, run.plan.hosts)
            result = connection.execute(insert(runs).values(**_to_row(run)))
            key = result.inserted_primary_key
            assert key is not None
            kept = replace(run, id=key[0])
            for host in run.plan.hosts:
                connection.execute(insert(run_hosts).values(run_id=kept.id, host=host))
                connection.execute(insert(host_locks).values(run_id=kept.id, host=host))
            _audit(connection, kept, run.created_at, actor, "run intended", _what(run.plan))
            return kept, save_incident(connection, incident, actor)

    def lock(self, run: Run) -> None:
        """Lock the hosts of a run once more, for its rollback. Raises ConflictError."""
        with self._database.transaction() as connection:
            _refuse_locked(connection, run.plan.hosts)
            for host in run.plan.hosts:
                connection.execute(insert(host_locks).values(run_id=run.id, host=host))

    def start(self, run: Run, actor: str) -> Run:
        """Write that a run begins to work. From here on it may have touched its hosts."""
        with self._database.transaction() as connection:
            _save(connection, run)
            _audit(connection, run, run.started_at or run.created_at, actor, "run started", {})
        return run

    def end(self, run: Run, incident: Incident, actor: str) -> Incident:
        """Write how a run ended, unlock its hosts and move the incident on, all or nothing."""
        with self._database.transaction() as connection:
            _save(connection, run)
            connection.execute(delete(host_locks).where(host_locks.c.run_id == run.id))
            told = {"state": run.state.value, "reason": run.reason, "detail": run.detail}
            _audit(connection, run, run.ended_at or run.created_at, actor, "run ended", told)
            return save_incident(connection, incident, actor)

    def judge(self, run: Run, incident: Incident, actor: str) -> Incident:
        """Write a run's verdict, unlock its hosts and move the incident on, all or nothing."""
        with self._database.transaction() as connection:
            _save(connection, run)
            connection.execute(delete(host_locks).where(host_locks.c.run_id == run.id))
            told = {
                "verdict": run.verdict.value,
                "reason": run.verdict_reason,
                "checks": [(one.text, one.holds, one.before, one.after) for one in run.checks],
            }
            _audit(connection, run, run.verified_at or run.created_at, actor, "run judged", told)
            return save_incident(connection, incident, actor)

    def get(self, run_id: int) -> Run:
        """Return one run with its steps. Raises NotFoundError."""
        with self._database.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).first()
            if row is None:
                raise NotFoundError(f"there is no run {run_id}")
            return _to_run(row, _steps(connection, run_id))

    def of_incident(self, incident_id: int) -> list[Run]:
        """Return the runs of an incident, oldest first."""
        query = select(runs).where(runs.c.incident_id == incident_id).order_by(runs.c.id)
        with self._database.reading() as connection:
            return [_to_run(row, _steps(connection, row.id)) for row in connection.execute(query)]

    def unfinished(self) -> list[Run]:
        """Return the runs that have no verdict yet, oldest first."""
        query = select(runs).where(runs.c.verdict == Verdict.PENDING.value).order_by(runs.c.id)
        with self._database.reading() as connection:
            return [_to_run(row, _steps(connection, row.id)) for row in connection.execute(query)]

    def write_step(self, run_id: int, outcome: StepOutcome) -> None:
        """Keep how an attempt of a step ended."""
        with self._database.transaction() as connection:
            connection.execute(
                insert(steps).values(
                    run_id=run_id,
                    name=outcome.name,
                    playbook=outcome.playbook,
                    attempt=outcome.attempt,
                    state=outcome.state.value,
                    reason=outcome.reason.value,
                    started_at=outcome.started_at,
                    ended_at=outcome.ended_at,
                    changed=to_json(tuple[str, ...], outcome.changed),
                    output=outcome.output,
                    detail=outcome.detail,
                )
            )

    def write_event(self, run_id: int, event: TaskEvent) -> None:
        """Keep one line of what Ansible did."""
        with self._database.transaction() as connection:
            connection.execute(
                insert(task_events).values(
                    run_id=run_id,
                    at=event.at,
                    step=event.step,
                    host=event.host,
                    task=event.task,
                    status=event.status,
                    message=event.message,
                )
            )

    def events(self, run_id: int) -> Sequence[TaskEvent]:
        """Return what Ansible did in a run, oldest first."""
        query = select(task_events).where(task_events.c.run_id == run_id).order_by(task_events.c.id)
        with self._database.reading() as connection:
            return [
                TaskEvent(
                    at=row.at,
                    step=row.step,
                    host=row.host,
                    task=row.task,
                    status=row.status,
                    message=row.message,
                )
                for row in connection.execute(query)
            ]

    def ask_to_cancel(self, incident_id: int, actor: str, now: datetime) -> int | None:
        """Ask the agent to cancel an incident's run; return its id, or None when none is at work."""
        at_work = [RunState.INTENDED.value, RunState.RUNNING.value]
        mine = (runs.c.incident_id == incident_id) & runs.c.state.in_(at_work)
        with self._database.transaction() as connection:
            run_id: int | None = connection.execute(select(runs.c.id).where(mine)).scalar()
            if run_id is not None:
                connection.execute(update(runs).where(mine).values(cancel_asked_by=actor))
                append(connection, now, actor, "cancel asked for", f"run {run_id}", {"incident": incident_id})
            return run_id

    def asked_to_cancel(self) -> dict[int, str]:
        """Return the unfinished runs that somebody asked to cancel, with who it was."""
        query = select(runs.c.id, runs.c.cancel_asked_by).where(
            runs.c.cancel_asked_by.is_not(None), runs.c.verdict == Verdict.PENDING.value
        )
        with self._database.reading() as connection:
            return {row.id: row.cancel_asked_by for row in connection.execute(query)}


def _refuse_locked(connection: Connection, hosts: Sequence[str]) -> None:
    query = select(host_locks.c.host, host_locks.c.run_id).where(host_locks.c.host.in_(hosts))
    taken = connection.execute(query).first()
    if taken is not None:
        raise ConflictError(f"host {taken.host} is locked by run {taken.run_id}")


def _what(plan: Plan) -> dict[str, Any]:
    return {
        "remediation": plan.remediation,
        "digest": plan.digest,
        "rules": plan.rules_digest,
        "fault": plan.fault,
        "confidence": plan.confidence,
        "hosts": plan.hosts,
        "parameters": dict(plan.parameters),
    }


def _audit(
    connection: Connection, run: Run, at: datetime, actor: str, action: str, told: Mapping[str, Any]
) -> None:
    detail = {"incident": run.incident_id, **told}
    append(connection, at, actor, action, f"run {run.id}", detail)


def _save(connection: Connection, run: Run) -> None:
    result = connection.execute(update(runs).where(runs.c.id == run.id).values(**_to_row(run)))
    if result.rowcount != 1:
        raise NotFoundError(f"there is no run {run.id}")


def _steps(connection: Connection, run_id: int) -> tuple[StepOutcome, ...]:
    query = select(steps).where(steps.c.run_id == run_id).order_by(steps.c.id)
    return tuple(
        StepOutcome(
            name=row.name,
            playbook=row.playbook,
            attempt=row.attempt,
            state=RunState(row.state),
            reason=Reason(row.reason),
            started_at=row.started_at,
            ended_at=row.ended_at,
            changed=from_json(tuple[str, ...], row.changed),
            output=row.output,
            detail=row.detail,
        )
        for row in connection.execute(query)
    )


def _to_row(run: Run) -> dict[str, Any]:
    return {
        "incident_id": run.incident_id,
        "remediation": run.plan.remediation,
        "fault": run.plan.fault,
        "entity": run.plan.entity,
        "state": run.state.value,
        "reason": run.reason.value if run.reason else None,
        "detail": run.detail,
        "actor": run.actor,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "fresh_after": run.fresh_after,
        "verdict": run.verdict.value,
        "verdict_reason": run.verdict_reason.value if run.verdict_reason else None,
        "verified_at": run.verified_at,
        "plan": to_json(Plan, run.plan),
        "checks": to_json(tuple[CheckResult, ...], run.checks),
        "attribution": to_json(Attribution, run.attribution) if run.attribution else None,
    }


def _to_run(row: Row[Any], outcomes: tuple[StepOutcome, ...]) -> Run:
    return Run(
        id=row.id,
        incident_id=row.incident_id,
        state=RunState(row.state),
        reason=Reason(row.reason) if row.reason else None,
        detail=row.detail,
        actor=row.actor,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        fresh_after=row.fresh_after,
        steps=outcomes,
        verdict=Verdict(row.verdict),
        verdict_reason=Reason(row.verdict_reason) if row.verdict_reason else None,
        verified_at=row.verified_at,
        plan=from_json(Plan, row.plan),
        checks=from_json(tuple[CheckResult, ...], row.checks),
        attribution=from_json(Attribution, row.attribution) if row.attribution else None,
    )
