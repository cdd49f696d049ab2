"""Runs that are over, as what they teach about remediations."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row

from agent.reasons import Reason
from agent.records import RunPhase, RunState, Verdict
from agent.records.attempts import Attempt, AttemptStep
from agent.store.engine import Database
from agent.store.runs import whether_healed
from agent.store.schema import runs, steps

_MOST = 2000  # the newest; older ones are of a system that has changed since
_LONGEST_ERROR = 300
_SAYS_NOTHING = (
    Reason.CANCELED.value,
    Reason.STOPPING.value,
    Reason.INTERRUPTED.value,
    Reason.PLAY_REFUSED.value,
    Reason.PLAYBOOK_MISSING.value,
    Reason.INVENTORY_UNAVAILABLE.value,
)


class AttemptStore:
    """Reads attempts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, most: int = _MOST) -> list[Attempt]:
        """Return the newest runs that began and are over, the newest first."""
        over = (runs.c.phase == RunPhase.OVER.value) & runs.c.started_at.is_not(None)
        query = select(runs).where(over).order_by(runs.c.id.desc()).limit(most)
        with self._database.reading() as connection:
            rows = list(connection.execute(query))
            first = min((row.id for row in rows), default=0)
            took: dict[int, list[AttemptStep]] = defaultdict(list)
            for step in connection.execute(select(steps).where(steps.c.run_id >= first).order_by(steps.c.id)):
                took[step.run_id].append(_to_step(step))
        return [_to_attempt(row, tuple(took[row.id])) for row in rows]


def _to_step(row: Row[Any]) -> AttemptStep:
    succeeded = row.state == RunState.SUCCEEDED.value
    said = (row.detail or row.reason).strip()
    return AttemptStep(
        name=row.name,
        seconds=(row.ended_at - row.started_at).total_seconds(),
        succeeded=succeeded,
        error="" if succeeded else said[:_LONGEST_ERROR],
        number=row.attempt,
        timed_out=row.reason == Reason.STEP_TIMED_OUT.value,
        tells=row.reason not in _SAYS_NOTHING,
        began=row.started_at,
    )


def _to_attempt(row: Row[Any], took: tuple[AttemptStep, ...]) -> Attempt:
    plan = json.loads(row.plan)
    return Attempt(
        run_id=row.id,
        remediation=row.remediation,
        fault=row.fault,
        groups=tuple(plan.get("groups", ())),
        at=row.created_at,
        healed=whether_healed(row),
        worse=row.verdict == Verdict.WORSE.value,
        relapsed=row.relapsed_at is not None,
        seconds=((row.ended_at or row.verified_at or row.started_at) - row.started_at).total_seconds(),
        steps=took,
        digest=plan.get("digest", ""),
        hosts=tuple(plan.get("hosts", ())),
    )
