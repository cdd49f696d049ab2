"""Runs, the phase each is in, and the locks on their hosts, which hold until it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.engine import Row

from agent.errors import ConflictError, NotFoundError
from agent.reasons import Reason
from agent.records import (
    Attribution,
    CheckResult,
    Plan,
    Run,
    RunPhase,
    RunState,
    StepOutcome,
    TaskEvent,
    Verdict,
)
from agent.store.audit import append
from agent.store.documents import from_json, to_json
from agent.store.engine import Database
from agent.store.schema import host_locks, run_hosts, runs
from agent.store.steps import events_of, insert_event, insert_step, steps_of

_NOT_OVER = [phase.value for phase in RunPhase if phase is not RunPhase.OVER]
# a cancel that comes later would hit what undoes the run
_MAY_BE_CANCELED = (RunPhase.INTENDED.value, RunPhase.RUNNING.value)


class RunStore:
    """Reads runs, and keeps what happens in them; ``begin_run`` and ``save_run`` move them on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, run_id: int) -> Run:
        """Return one run with its steps. Raises NotFoundError."""
        with self._database.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).first()
            if row is None:
                raise NotFoundError(f"there is no run {run_id}")
            return _to_run(row, steps_of(connection, run_id))

    def of_incident(self, incident_id: int) -> list[Run]:
        """Return the runs of an incident, oldest first."""
        query = select(runs).where(runs.c.incident_id == incident_id).order_by(runs.c.id)
        with self._database.reading() as connection:
            return [_to_run(row, steps_of(connection, row.id)) for row in connection.execute(query)]

    def unfinished(self) -> dict[int, int]:
        """Return the runs that are not over, oldest first, each with its incident."""
        query = select(runs.c.id, runs.c.incident_id).where(runs.c.phase.in_(_NOT_OVER)).order_by(runs.c.id)
        with self._database.reading() as connection:
            return {row.id: row.incident_id for row in connection.execute(query)}

    def last_recovery(self, entity: str, before: datetime) -> Run | None:
        """Return the newest run that healed an entity before a time and is not known to have relapsed."""
        query = (
            select(runs)
            .where(
                runs.c.entity == entity,
                runs.c.verdict == Verdict.RECOVERED.value,
                runs.c.verified_at <= before,
                runs.c.relapsed_at.is_(None),
            )
            .order_by(runs.c.verified_at.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
            return _to_run(row, ()) if row is not None else None

    def write_step(self, run_id: int, outcome: StepOutcome) -> None:
        """Keep how an attempt of a step ended."""
        with self._database.transaction() as connection:
            insert_step(connection, run_id, outcome)

    def write_event(self, run_id: int, event: TaskEvent) -> None:
        """Keep one line of what Ansible did."""
        with self._database.transaction() as connection:
            insert_event(connection, run_id, event)

    def events(self, run_id: int) -> Sequence[TaskEvent]:
        """Return what Ansible did in a run, oldest first."""
        with self._database.reading() as connection:
            return events_of(connection, run_id)

    def abandon(self, run_id: int, why: str, now: datetime, actor: str) -> None:
        """End a run that cannot be read, so that its hosts are not locked for ever."""
        values = {
            "phase": RunPhase.OVER.value,
            "verdict": Verdict.UNKNOWN.value,
            "verdict_reason": Reason.INTERNAL_ERROR.value,
            "verified_at": now,
            "detail": why,
        }
        with self._database.transaction() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(**values))
            connection.execute(delete(host_locks).where(host_locks.c.run_id == run_id))
            append(connection, now, actor, "run abandoned", f"run {run_id}", {"why": why})

    def ask_to_cancel(self, incident_id: int, actor: str, now: datetime) -> int | None:
        """Ask the agent to cancel an incident's run; return its id, or None when none is at work."""
        mine = (runs.c.incident_id == incident_id) & runs.c.phase.in_(_MAY_BE_CANCELED)
        with self._database.transaction() as connection:
            run_id: int | None = connection.execute(select(runs.c.id).where(mine)).scalar()
            if run_id is not None:
                connection.execute(update(runs).where(mine).values(cancel_asked_by=actor))
                append(connection, now, actor, "cancel asked for", f"run {run_id}", {"incident": incident_id})
            return run_id

    def asked_to_cancel(self) -> dict[int, str]:
        """Return the runs at work that somebody asked to cancel, with who it was."""
        query = select(runs.c.id, runs.c.cancel_asked_by).where(
            runs.c.cancel_asked_by.is_not(None), runs.c.phase.in_(_MAY_BE_CANCELED)
        )
        with self._database.reading() as connection:
            return {row.id: row.cancel_asked_by for row in connection.execute(query)}


def begin_run(connection: Connection, run: Run, actor: str) -> Run:
    """Write the intent to run and lock its hosts. Raises ConflictError when one is locked."""
    machines = {run.plan.machine(host): host for host in run.plan.touched}
    query = select(host_locks.c.host, host_locks.c.run_id).where(host_locks.c.identity.in_(machines))
    taken = connection.execute(query).first()
    if taken is not None:
        raise ConflictError(f"host {taken.host} is locked by run {taken.run_id}")
    result = connection.execute(insert(runs).values(**_to_row(run)))
    key = result.inserted_primary_key
    assert key is not None
    kept = replace(run, id=key[0])
    for identity, host in machines.items():
        values = {"run_id": kept.id, "identity": identity, "host": host}
        connection.execute(insert(run_hosts).values(**values))
        connection.execute(insert(host_locks).values(**values))
    _audit(connection, kept, run.created_at, actor, "run intended", _what(run.plan))
    return kept


def save_run(
    connection: Connection,
    run: Run,
    found_in: RunPhase,
    at: datetime,
    actor: str,
    action: str,
    told: Mapping[str, Any],
) -> None:
    """Move a run on from the phase it was found in; once it is over its hosts are free.

    Raises ConflictError when it is in another phase meanwhile, so that nothing is done twice.
    """
    mine = (runs.c.id == run.id) & (runs.c.phase == found_in.value)
    result = connection.execute(update(runs).where(mine).values(**_to_row(run)))
    if result.rowcount != 1:
        raise ConflictError(f"run {run.id} is not {found_in.value.replace('_', ' ')} any more")
    if run.phase is RunPhase.OVER:
        connection.execute(delete(host_locks).where(host_locks.c.run_id == run.id))
    _audit(connection, run, at, actor, action, told)


def mark_relapsed(connection: Connection, run_id: int, at: datetime, actor: str) -> None:
    """Write that what a run had healed broke again."""
    mine = (runs.c.id == run_id) & runs.c.relapsed_at.is_(None)
    if connection.execute(update(runs).where(mine).values(relapsed_at=at)).rowcount:
        append(connection, at, actor, "run relapsed", f"run {run_id}")


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


def _to_row(run: Run) -> dict[str, Any]:
    return {
        "incident_id": run.incident_id,
        "remediation": run.plan.remediation,
        "fault": run.plan.fault,
        "entity": run.plan.entity,
        "phase": run.phase.value,
        "tries": run.tries,
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
        "evidence_at": run.evidence_at,
        "relapsed_at": run.relapsed_at,
        "tells": run.tells,
        "plan": to_json(Plan, run.plan),
        "checks": to_json(tuple[CheckResult, ...], run.checks),
        "attribution": to_json(Attribution, run.attribution) if run.attribution else None,
    }


def _to_run(row: Row[Any], outcomes: tuple[StepOutcome, ...]) -> Run:
    return Run(
        id=row.id,
        incident_id=row.incident_id,
        phase=RunPhase(row.phase),
        tries=row.tries,
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
        evidence_at=row.evidence_at,
        relapsed_at=row.relapsed_at,
        plan=from_json(Plan, row.plan),
        checks=from_json(tuple[CheckResult, ...], row.checks),
        attribution=from_json(Attribution, row.attribution) if row.attribution else None,
    )


def whether_healed(row: Row[Any]) -> bool | None:
    """Return whether a run healed its fault for good, None where it tells nothing of its remediation."""
    lasting = row.verdict == Verdict.RECOVERED.value and row.relapsed_at is None
    return lasting if row.tells else None
