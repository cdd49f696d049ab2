"""An order of a job platform in, where it stands out: decision, plan, execution, verification, or why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from agent.records import (
    Approval,
    Attribution,
    CheckResult,
    Incident,
    Plan,
    Run,
    RunPhase,
    RunRequest,
    RunState,
    StepOutcome,
    Verdict,
)
from agent.records.orders import RemediationOrder
from agent.store import Stores

PATH = "/api/v1/aiops/automated-remediation"

State = Literal["waiting", "asking", "running", "verifying", "done", "not_run"]
_AT_WORK = (RunPhase.INTENDED, RunPhase.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDecision:
    """What was decided about an order so far, and why."""

    answer: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult:
    """What Ansible did."""

    run_id: int
    state: RunState
    reason: str
    detail: str
    started_at: datetime | None
    ended_at: datetime | None
    steps: Sequence[StepOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationResult:
    """What fresh metrics showed afterwards."""

    verdict: Verdict
    reason: str
    checks: Sequence[CheckResult]
    verified_at: datetime | None
    attribution: Attribution | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnswer:
    """Where an order stands. ``why_not`` says why nothing was run, when that is how it ended."""

    id: int
    state: State
    status_url: str
    incident_id: int | None
    remediation: str
    decision: OrderDecision
    plan_executed: Plan | None
    execution_result: ExecutionResult | None
    verification_result: VerificationResult | None
    why_not: str | None

    @property
    def is_over(self) -> bool:
        """Return whether nothing of it changes any more."""
        return self.state in ("done", "not_run")


def order_answer(stores: Stores, order: RemediationOrder) -> OrderAnswer:
    """Return where an order stands. Raises StoreError."""
    if order.request_id is None or order.incident_id is None:
        return _answer(order, "not_run", OrderDecision(answer="no", reason="", detail=order.refusal))
    asked = stores.run_requests.get(order.request_id)
    if asked.run_id is not None:
        return _with_run(order, stores.runs.get(asked.run_id), asked)
    incident = stores.incidents.get(order.incident_id)
    if asked.state != "open":
        decision = OrderDecision(answer="no", reason=asked.state, detail=asked.answer)
        return _answer(order, "not_run", decision)
    return _while_open(order, asked, incident, stores.approvals.newest(order.incident_id))


def _while_open(
    order: RemediationOrder, asked: RunRequest, incident: Incident, approval: Approval | None
) -> OrderAnswer:
    if approval is not None and approval.request_id == asked.id and approval.state == "pending":
        detail = f"{approval.needed} people have to say yes, until {approval.expires_at:%Y-%m-%d %H:%M} UTC"
        return _answer(order, "asking", OrderDecision(answer="ask", reason="approval_needed", detail=detail))
    reason = incident.reason.value if incident.reason is not None else ""
    return _answer(order, "waiting", OrderDecision(answer="not yet", reason=reason, detail=incident.detail))


def _with_run(order: RemediationOrder, run: Run, asked: RunRequest) -> OrderAnswer:
    over = run.phase is RunPhase.OVER
    verified = VerificationResult(
        verdict=run.verdict,
        reason=run.verdict_reason.value if run.verdict_reason is not None else "",
        checks=run.checks,
        verified_at=run.verified_at,
        attribution=run.attribution,
    )
    state: State = "done" if over else "running" if run.phase in _AT_WORK else "verifying"
    return replace(
        _answer(order, state, OrderDecision(answer="run", reason=asked.state, detail=asked.answer)),
        plan_executed=run.plan,
        execution_result=ExecutionResult(
            run_id=run.id,
            state=run.state,
            reason=run.reason.value if run.reason is not None else "",
            detail=run.detail,
            started_at=run.started_at,
            ended_at=run.ended_at,
            steps=run.steps,
        ),
        verification_result=verified if over or run.phase is RunPhase.VERIFYING else None,
    )


def _answer(order: RemediationOrder, state: State, decision: OrderDecision) -> OrderAnswer:
    return OrderAnswer(
        id=order.id,
        state=state,
        status_url=f"{PATH}/{order.id}",
        incident_id=order.incident_id,
        remediation=order.remediation,
        decision=decision,
        plan_executed=None,
        execution_result=None,
        verification_result=None,
        why_not=decision.detail or decision.reason if state == "not_run" else None,
    )
