"""Makes the runs of an agent's past, as the agent writes them down: begun, step by step, judged and over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from agent.reasons import Reason
from agent.records import Run, RunPhase, RunState, StepOutcome, Verdict
from agent.store import Stores, begin_run, save_run
from tests.make import incident, plan

Tried = tuple[str, float, RunState, str]
"""The name of a step, how many seconds one attempt took, how it ended, and what it said."""


def keep_run(
    stores: Stores, at: datetime, tried: Sequence[Tried], *, healed: bool = True, incident_id: int = 0,
    actor: str = "opsmend", **fields: object,
) -> Run:  # fmt: skip
    """Write one run of the past into a store; ``fields`` are those of its plan."""
    if not incident_id:
        over = {"opened_at": at, "updated_at": at, "symptomatic": False, "closed_at": at}
        incident_id = stores.incidents.add(incident(**over), "opsmend").id
    run = Run(incident_id=incident_id, plan=plan(**fields), created_at=at, actor=actor)
    with stores.transaction() as connection:
        kept = begin_run(connection, run, actor)
    now, numbers = at, dict[str, int]()
    for name, seconds, state, said in tried:
        numbers[name] = numbers.get(name, 0) + 1
        reasons = {RunState.SUCCEEDED: Reason.STEPS_SUCCEEDED, RunState.TIMED_OUT: Reason.STEP_TIMED_OUT}
        outcome = StepOutcome(
            name=name, playbook="playbook.yml", attempt=numbers[name], state=state,
            reason=reasons.get(state, Reason.STEP_FAILED), started_at=now,
            ended_at=now + timedelta(seconds=seconds), detail=said,
        )  # fmt: skip
        stores.runs.write_step(kept.id, outcome)
        now = outcome.ended_at
    over = replace(
        kept, phase=RunPhase.OVER, state=tried[-1][2] if tried else RunState.SUCCEEDED, started_at=at,
        ended_at=now, verdict=Verdict.RECOVERED if healed else Verdict.NOT_RECOVERED, verified_at=now,
        verdict_reason=Reason.CHECKS_HELD if healed else Reason.CHECKS_FAILED,
    )  # fmt: skip
    with stores.transaction() as connection:
        save_run(connection, over, RunPhase.INTENDED, now, "opsmend", "run over", {})
    return over
