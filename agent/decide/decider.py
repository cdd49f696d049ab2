"""An incident in, a decision with its reason out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from agent.config.settings import Mode
from agent.decide.catalog import Remediation
from agent.decide.guards import Objection, RunHistory, find_objection
from agent.decide.match import find_remediations, make_plan
from agent.decide.targets import Inventory, UnresolvedTarget
from agent.errors import ParameterError, RunError
from agent.reasons import Reason
from agent.records import Action, Candidate, Decision, Incident, InventoryHost, Plan


class Decider:
    """Chooses a remediation for an incident and says whether it may run."""

    def __init__(
        self,
        catalog: Mapping[str, Remediation],
        inventory: Inventory,
        history: RunHistory,
        mode: Mode,
    ) -> None:
        self._catalog = catalog
        self._inventory = inventory
        self._history = history
        self._mode = mode

    def decide(
        self,
        incident: Incident,
        tried: Collection[str],
        approved: Plan | None,
        paused: str | None,
        now: datetime,
    ) -> Decision:
        """Return what to do with an incident now.

        ``tried`` names the remediations that ran for it already; ``approved`` is the plan that a person
        said yes to, and counts only while it is still the plan.
        """
        candidate = incident.best
        if candidate is None:
            return Decision(action=Action.HOLD, reason=Reason.NO_DIAGNOSIS)
        fitting = find_remediations(candidate, self._catalog.values(), tried)
        if not fitting:
            return _give_up(candidate, tried)
        try:
            hosts = self._inventory.hosts()
        except RunError as error:
            return Decision(action=Action.HOLD, reason=Reason.INVENTORY_UNAVAILABLE, detail=str(error))
        refusals: list[Decision] = []
        for remediation in fitting:
            decision = self._consider(remediation, candidate, hosts, approved, paused, now)
            if decision.action is not Action.ESCALATE:
                return decision
            refusals.append(decision)
        return refusals[0]

    def recheck(self, plan: Plan, paused: str | None, now: datetime) -> Objection | None:
        """Ask the guards once more, at the moment of execution."""
        limits = self._catalog[plan.remediation].file.limits
        return find_objection(plan, limits, self._history, paused, now)

    def _consider(
        self,
        remediation: Remediation,
        candidate: Candidate,
        hosts: Mapping[str, InventoryHost],
        approved: Plan | None,
        paused: str | None,
        now: datetime,
    ) -> Decision:
        try:
            plan = make_plan(remediation, candidate, hosts)
        except UnresolvedTarget as error:
            return _escalate(error.reason, f"{remediation.name}: {error}")
        except ParameterError as error:
            return _escalate(Reason.PARAMETER_REFUSED, f"{remediation.name}: {error}")
        if self._mode == "observe":
            return Decision(action=Action.HOLD, reason=Reason.MODE_OBSERVE, detail=describe(plan), plan=plan)
        objection = find_objection(plan, remediation.file.limits, self._history, paused, now)
        if objection is not None:
            action = Action.HOLD if objection.passing else Action.ESCALATE
            return Decision(action=action, reason=objection.reason, detail=objection.detail, plan=plan)
        if approved is not None and same_work(approved, plan):
            return Decision(action=Action.RUN, reason=Reason.APPROVED, detail=describe(plan), plan=plan)
        if candidate.confidence < remediation.file.min_confidence:
            detail = (
                f"{remediation.name} asks for confidence {remediation.file.min_confidence:.2f}, "
                f"the diagnosis has {candidate.confidence:.2f}"
            )
            return Decision(action=Action.ASK, reason=Reason.LOW_CONFIDENCE, detail=detail, plan=plan)
        if self._mode == "approve":
            return Decision(
                action=Action.ASK, reason=Reason.APPROVAL_NEEDED, detail=describe(plan), plan=plan
            )
        return Decision(action=Action.RUN, reason=Reason.ALLOWED, detail=describe(plan), plan=plan)


def same_work(one: Plan, other: Plan) -> bool:
    """Return whether two plans do the same to the same hosts with the same files."""
    return (one.remediation, one.digest, one.hosts, dict(one.parameters)) == (
        other.remediation,
        other.digest,
        other.hosts,
        dict(other.parameters),
    )


def describe(plan: Plan) -> str:
    """Return a plan in one line: ``restart_service on web1 (unit=nginx.service)``."""
    values = ", ".join(f"{name}={value}" for name, value in plan.parameters.items())
    return f"{plan.remediation} on {', '.join(plan.hosts)}" + (f" ({values})" if values else "")


def _give_up(candidate: Candidate, tried: Collection[str]) -> Decision:
    if tried:
        return _escalate(Reason.REMEDIATIONS_EXHAUSTED, f"tried: {', '.join(tried)}")
    return _escalate(Reason.NO_REMEDIATION, f"nothing in the catalog fixes {candidate.fault}")


def _escalate(reason: Reason, detail: str) -> Decision:
    return Decision(action=Action.ESCALATE, reason=reason, detail=detail)
