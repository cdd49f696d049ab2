"""An incident in, a decision with its reason out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from agent.config.policyfile import PolicyFile, RemediationRule
from agent.config.settings import Mode
from agent.decide.catalog import Remediation
from agent.decide.guards import History, Objection, Question, find_objection
from agent.decide.match import make_plan, rank_remediations
from agent.decide.policy import find_rule, stricter
from agent.decide.targets import LOCALHOST, Inventory, UnresolvedTarget
from agent.errors import ParameterError, RunError
from agent.reasons import Reason
from agent.records import Action, Candidate, Decision, Incident, InventoryHost, Plan


class Decider:
    """Chooses a remediation for an incident and says whether it may run.

    Catalog and policy are asked for anew at every decision, so that a reload takes effect at once.
    """

    def __init__(
        self,
        catalog: Callable[[], Mapping[str, Remediation]],
        policy: Callable[[], PolicyFile],
        inventory: Inventory,
        history: History,
        mode: Callable[[], Mode],
        rules_digest: Callable[[], str] = str,
        digest_of: Callable[[Remediation], str] = attrgetter("digest"),
    ) -> None:
        self._digest_of = digest_of
        self._rules_digest = rules_digest
        self._catalog = catalog
        self._policy = policy
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
        wanted: str | None = None,
    ) -> Decision:
        """Return what to do with an incident now.

        ``tried`` names the remediations that ran for it already; ``approved`` is the plan that people
        said yes to, and counts only while it is still the plan. ``wanted`` is the remediation that a
        person asked for instead of the best one.
        """
        candidate = incident.best
        if candidate is None:
            return Decision(action=Action.HOLD, reason=Reason.NO_DIAGNOSIS)
        fits = rank_remediations(candidate, self._catalog().values(), self._history, tried)
        if wanted is not None:
            fits = [fit for fit in fits if fit.remediation.name == wanted]
        options = tuple(fit.option for fit in fits)
        if not fits:
            return replace(_give_up(candidate, tried), options=options)
        try:
            hosts = self._inventory.hosts()
        except RunError as error:
            return Decision(
                action=Action.HOLD,
                reason=Reason.INVENTORY_UNAVAILABLE,
                detail=str(error),
                options=options,
            )
        refusals: list[Decision] = []
        for fit in fits:
            decision = self._consider(fit.remediation, candidate, hosts, approved, paused, now)
            if decision.action is not Action.ESCALATE:
                return replace(decision, options=options)
            refusals.append(decision)
        return replace(refusals[0], options=options)

    def changed(self, plan: Plan) -> Objection | None:
        """Return what on disk is not as it was decided by: policy and guards were asked by ``decide``.

        Raises RunError when the inventory cannot be read.
        """
        hosts = self._inventory.hosts()
        remediation = self._catalog().get(plan.remediation)
        if remediation is None or not plan.digest == remediation.digest == self._digest_of(remediation):
            detail = f"the files of {plan.remediation} are not those that were loaded; reload the agent"
            return Objection(Reason.PLAN_CHANGED, detail, passing=True)
        moved = _moved(plan, hosts)
        return Objection(Reason.TARGET_UNKNOWN, moved, passing=False) if moved else None

    def may_repeat(self, plan: Plan) -> bool:
        """Return whether a run that a crash interrupted may be started again, after it was verified."""
        remediation = self._catalog().get(plan.remediation)
        if remediation is None or not remediation.file.idempotent:
            return False
        try:
            hosts = self._inventory.hosts()
        except RunError:
            return False
        if _moved(plan, hosts):
            return False
        rule = find_rule(self._policy(), plan, remediation.file, hosts)
        return rule is not None and rule.repeat_interrupted

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
            troubled = self._history.troubled_hosts()
            plan = make_plan(remediation, candidate, hosts, self._rules_digest(), troubled)
        except UnresolvedTarget as error:
            return _escalate(error.reason, f"{remediation.name}: {error}")
        except ParameterError as error:
            return _escalate(Reason.PARAMETER_REFUSED, f"{remediation.name}: {error}")
        rule = find_rule(self._policy(), plan, remediation.file, hosts)
        if rule is None:
            return _escalate(Reason.POLICY_DENIES, f"no rule of the policy fits {describe(plan)}")
        mode = stricter(self._mode(), rule.mode)
        if mode == "observe":
            return _decision(Action.HOLD, Reason.MODE_OBSERVE, plan, rule)
        question = Question(
            plan=plan,
            file=remediation.file,
            rule=rule,
            policy=self._policy(),
            hosts=hosts,
            history=self._history,
            paused=paused,
            now=now,
        )
        objection = find_objection(question)
        if objection is not None:
            action = Action.HOLD if objection.passing else Action.ESCALATE
            return _decision(action, objection.reason, plan, rule, objection.detail)
        if approved is not None and same_work(approved, plan):
            return _decision(Action.RUN, Reason.APPROVED, plan, rule)
        if candidate.confidence < remediation.file.min_confidence:
            detail = (
                f"{remediation.name} asks for confidence {remediation.file.min_confidence:.2f}, "
                f"the diagnosis has {candidate.confidence:.2f}"
            )
            return _decision(Action.ASK, Reason.LOW_CONFIDENCE, plan, rule, detail)
        if mode == "approve":
            return _decision(Action.ASK, Reason.APPROVAL_NEEDED, plan, rule)
        return _decision(Action.RUN, Reason.ALLOWED, plan, rule)


def same_work(one: Plan, other: Plan) -> bool:
    """Return whether two plans do the same to the same machines with the same files."""
    return _work(one) == _work(other)


def describe(plan: Plan) -> str:
    """Return a plan in one line: ``restart_service on web1 (unit=nginx.service)``."""
    values = ", ".join(f"{name}={value}" for name, value in plan.parameters.items())
    beside = f", touching {', '.join(plan.companions)}" if plan.companions else ""
    return f"{plan.remediation} on {', '.join(plan.hosts)}{beside}" + (f" ({values})" if values else "")


def _work(plan: Plan) -> tuple[object, ...]:
    return plan.remediation, plan.digest, plan.touched, dict(plan.identities), dict(plan.parameters)


def _moved(plan: Plan, hosts: Mapping[str, InventoryHost]) -> str:
    """Return which host of a plan is not where it was when the plan was made, or nothing."""
    for name, identity in plan.identities.items():
        host = hosts.get(name)
        if host is None and name != LOCALHOST:
            return f"{name} left the inventory"
        if host is not None and host.identity != identity:
            return f"{name} is another machine than when this was planned ({host.identity}, not {identity})"
    return ""


def _decision(
    action: Action, reason: Reason, plan: Plan, rule: RemediationRule, detail: str | None = None
) -> Decision:
    said = f"{describe(plan)}, by rule {rule.id} of the policy" if detail is None else detail
    return Decision(action=action, reason=reason, detail=said, plan=plan, approvals=rule.approvals)


def _give_up(candidate: Candidate, tried: Collection[str]) -> Decision:
    if tried:
        return _escalate(Reason.REMEDIATIONS_EXHAUSTED, f"tried: {', '.join(sorted(tried))}")
    return _escalate(Reason.NO_REMEDIATION, f"nothing in the catalog fixes {candidate.fault}")


def _escalate(reason: Reason, detail: str) -> Decision:
    return Decision(action=Action.ESCALATE, reason=reason, detail=detail)
