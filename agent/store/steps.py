"""What happened in runs: how the attempts of their steps ended, and what Ansible did, line by line."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from agent.reasons import Reason
from agent.records import RunState, StepOutcome, TaskEvent
from agent.store.documents import from_json, to_json
from agent.store.schema import steps, task_events


def insert_step(connection: Connection, run_id: int, outcome: StepOutcome) -> None:
    """Keep how an attempt of a step ended."""
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


def insert_event(connection: Connection, run_id: int, event: TaskEvent) -> None:
    """Keep one line of what Ansible did."""
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


def steps_of(connection: Connection, run_id: int) -> tuple[StepOutcome, ...]:
    """Return how the attempts of a run's steps ended, oldest first."""
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


def events_of(connection: Connection, run_id: int) -> Sequence[TaskEvent]:
    """Return what Ansible did in a run, oldest first."""
    query = select(task_events).where(task_events.c.run_id == run_id).order_by(task_events.c.id)
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
