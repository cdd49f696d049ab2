"""What came of a run in, a step on the ladder of autonomy out: down at once after harm, up when earned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from agent.config.policyfile import PolicyFile
from agent.decide.autonomy import earned
from agent.log import Logger
from agent.records import Incident, Run, RunPhase, Verdict
from agent.records.autonomy import AutonomyStep, Rung, rung_after
from agent.response.escalation import AUTONOMY, Escalation
from agent.response.transitions import ACTOR
from agent.store import History, Message, steps_of_autonomy, take_autonomy_step

log = Logger("response")

ALLOWS: dict[Rung, str] = {
    "observe": "is not run",
    "suggest": "is only suggested",
    "approve": "asks before it runs",
    "auto": "runs by itself where the policy lets it",
}


class Autonomy:
    """Takes steps, in the transaction that writes what they follow from, and says whom to tell of them."""

    def __init__(self, policy: Callable[[], PolicyFile], escalation: Escalation) -> None:
        self._policy = policy
        self._escalation = escalation

    def after_run(self, connection: Any, run: Run, incident: Incident, now: datetime) -> list[Message]:
        """Take the step that a run calls for which was just written as judged, or as to be rolled back."""
        harm = self._policy().autonomy.harm
        if run.verdict is Verdict.WORSE and "worse" in harm:
            return self._step(connection, run, False, f"run {run.id} made it worse", incident, now)
        if run.phase is RunPhase.ROLLING_BACK and "rollback" in harm:
            return self._step(connection, run, False, f"run {run.id} had to be rolled back", incident, now)
        return self._rise(connection, run, incident, now) if run.verdict is Verdict.RECOVERED else []

    def after_relapse(self, connection: Any, run: Run, incident: Incident, now: datetime) -> list[Message]:
        """Take the step that a run calls for whose recovery did not last."""
        if "relapse" not in self._policy().autonomy.harm:
            return []
        why = f"what run {run.id} had healed broke again"
        return self._step(connection, run, False, why, incident, now)

    def _rise(self, connection: Any, run: Run, incident: Incident, now: datetime) -> list[Message]:
        section = self._policy().autonomy
        if section.raise_ == "ask":  # who may say so reads what was earned, see opsmend remediations
            return []
        plan = run.plan
        steps = steps_of_autonomy(connection, plan.remediation, plan.fault)
        trials = History.within(connection).trials(plan.remediation)
        why = earned(section, steps, trials, plan.fault)
        return self._step(connection, run, True, why, incident, now) if why else []

    def _step(
        self, connection: Any, run: Run, up: bool, why: str, incident: Incident, now: datetime
    ) -> list[Message]:
        plan, start = run.plan, self._policy().autonomy.start
        steps = steps_of_autonomy(connection, plan.remediation, plan.fault)
        step = AutonomyStep(
            remediation=plan.remediation,
            fault=plan.fault,
            up=up,
            at=now,
            actor=ACTOR,
            why=why,
            run_id=None if up else run.id,
        )
        if not take_autonomy_step(connection, step):
            return []
        rung = rung_after(start, [*steps, step])
        if rung == rung_after(start, steps):
            return []
        log.warning("autonomy changed", remediation=plan.remediation, fault=plan.fault, now=rung, why=why)
        subject = f"{plan.remediation} {ALLOWS[rung]} for {plan.fault} from now on: {why}"
        return self._escalation.told(AUTONOMY, incident, subject)
