"""An incident in, what to do about it now out: always one of five answers, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter

from agent.config.policyfile import PolicyFile
from agent.config.settings import Mode
from agent.decide.autonomy import mode_on
from agent.decide.catalog import Remediation
from agent.decide.guards import History, Objection, Question, find_objection
from agent.decide.match import Fit, make_plan, rank_remediations
from agent.decide.policy import find_rule, stricter
from agent.decide.targets import LOCALHOST, Inventory, UnresolvedTarget
from agent.errors import ParameterError, RunError
from agent.reasons import Reason
from agent.records import (
    Answer,
    Ask,
    Candidate,
    Decision,
    Forbidden,
    Harm,
    Incident,
    InventoryHost,
    NotNow,
    Option,
    Pause,
    Plan,
    Proceed,
    Unfit,
)
from agent.records.autonomy import AutonomyStep, Rung, rung_after

# an open request stands while its fault is about as sure as the surest one: near-equal diagnoses flip
_AS_SURE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a decision depends on beside the incident.

    ``tried`` names the remediations that ran for it already. ``standing`` is the plan that people are
    being asked about, or said yes to. ``wanted`` is what a person asked for instead of the best one, who
    may have a reason to ``override_cooldown``. ``repeats`` are interrupted runs that may start again.
    ``harm`` is whether anybody suffers from the incident, which ``decide`` reads from it.
    """

    now: datetime
    pauses: Sequence[Pause] = ()
    tried: Collection[str] = ()
    standing: Plan | None = None
    wanted: str | None = None
    override_cooldown: bool = False
    repeats: Collection[int] = ()
    harm: Harm = field(default_factory=Harm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision on a plan, and the question to ask the guards once more when the run is begun."""

    decision: Decision
    question: Question | None = None
    plan: Plan | None = None

    def object_again(self, history: History, pauses: Sequence[Pause], now: datetime) -> Objection | None:
        """Return what the guards say by another view of the past; nothing is known to them else."""
        if self.question is None:
            return None
        return find_objection(replace(self.question, history=history, pauses=pauses, now=now))


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

    def decide(self, incident: Incident, about: Circumstances) -> Decided:
        """Return what to do about an incident now.

        The best remediation that fits and is not forbidden decides: when it has to wait, so does the
        incident, and no harsher one is started instead.
        """
        if incident.best is None:
            return Decided(decision=Decision(answer=NotNow(reason=Reason.NO_DIAGNOSIS)))
        about = replace(about, harm=incident.diagnosis.harm)
        try:
            hosts = self._inventory.hosts()
        except RunError as error:
            answer = NotNow(reason=Reason.INVENTORY_UNAVAILABLE, detail=str(error))
            return Decided(decision=Decision(answer=answer))
        candidate = self._candidate(incident, about.wanted) or incident.best
        fits = rank_remediations(candidate, self._catalog().values(), self._history, about.tried, hosts)
        if about.wanted is not None:
            fits = [fit for fit in fits if fit.remediation.name == about.wanted]
        options = tuple(fit.option for fit in fits)
        standing = self._stand_by(incident, hosts, about)
        return standing or self._choose(candidate, fits, options, hosts, about)

    def changed(self, plan: Plan) -> NotNow | Unfit | None:
        """Return what on disk is not as it was decided by: policy and guards were asked by ``decide``.

        Raises RunError when the inventory cannot be read.
        """
        hosts = self._inventory.hosts()
        remediation = self._catalog().get(plan.remediation)
        if remediation is None or not plan.digest == remediation.digest == self._digest_of(remediation):
            detail = f"the files of {plan.remediation} are not those that were loaded; reload the agent"
            return NotNow(reason=Reason.PLAN_CHANGED, detail=detail, plan=plan)
        moved = _moved(plan, hosts)
        return Unfit(reason=Reason.TARGET_UNKNOWN, detail=moved) if moved else None

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

    def _candidate(self, incident: Incident, wanted: str | None) -> Candidate | None:
        """Return the likeliest candidate that the remediation a person wants is for."""
        remediation = self._catalog().get(wanted) if wanted is not None else None
        if remediation is None:
            return None
        file = remediation.file
        found = incident.diagnosis.candidates
        return next((one for one in found if file.is_for(one.fault, one.foreseen is not None)), None)

    def _stand_by(
        self, incident: Incident, hosts: Mapping[str, InventoryHost], about: Circumstances
    ) -> Decided | None:
        """Return the answer on the plan that people were asked about, while it still is a good one."""
        plan, best = about.standing, incident.best
        if plan is None or best is None or about.wanted is not None or plan.remediation in about.tried:
            return None
        remediation = self._catalog().get(plan.remediation)
        candidate = next(
            (
                one
                for one in incident.diagnosis.candidates
                if (one.fault, one.entity) == (plan.fault, plan.entity)
                and one.confidence >= best.confidence - _AS_SURE
            ),
            None,
        )
        if remediation is None or candidate is None:
            return None
        if not remediation.file.is_for(plan.fault, candidate.foreseen is not None):
            return None
        decided = self._consider(remediation, candidate, hosts, about)
        answer = decided.decision.answer
        if isinstance(answer, Unfit | Forbidden) or answer.plan is None or not same_work(answer.plan, plan):
            return None
        return decided

    def _choose(
        self,
        candidate: Candidate,
        fits: Sequence[Fit],
        options: tuple[Option, ...],
        hosts: Mapping[str, InventoryHost],
        about: Circumstances,
    ) -> Decided:
        refusals: list[Answer] = []
        for fit in fits:
            decided = self._consider(fit.remediation, candidate, hosts, about)
            if not isinstance(decided.decision.answer, Unfit | Forbidden):
                return replace(decided, decision=replace(decided.decision, options=options))
            refusals.append(decided.decision.answer)
        answer = refusals[0] if refusals else _nothing_fits(candidate, about)
        return Decided(decision=Decision(answer=answer, options=options))

    def _consider(
        self,
        remediation: Remediation,
        candidate: Candidate,
        hosts: Mapping[str, InventoryHost],
        about: Circumstances,
    ) -> Decided:
        try:
            troubled = self._history.troubled_hosts()
            plan = make_plan(remediation, candidate, hosts, self._rules_digest(), troubled)
        except UnresolvedTarget as error:
            return _answer(Unfit(reason=error.reason, detail=f"{remediation.name}: {error}"))
        except ParameterError as error:
            return _answer(Unfit(reason=Reason.PARAMETER_REFUSED, detail=f"{remediation.name}: {error}"))
        missing = unfilled(remediation, plan)
        if missing:
            detail = f"{remediation.name}: a check asks for '{missing}', which the diagnosis has no label for"
            return _answer(Unfit(reason=Reason.CHECKS_UNFIT, detail=detail))
        policy = self._policy()
        rule = find_rule(policy, plan, remediation.file, hosts)
        if rule is None:
            detail = f"no rule of the policy fits {describe(plan)}"
            answer: Answer = Forbidden(reason=Reason.POLICY_DENIES, detail=detail)
            return Decided(decision=Decision(answer=answer), plan=plan)
        question = Question(
            plan=plan,
            file=remediation.file,
            rule=rule,
            policy=policy,
            hosts=hosts,
            history=self._history,
            pauses=about.pauses,
            now=about.now,
            override_cooldown=about.override_cooldown,
            repeats=about.repeats,
            harm=about.harm if about.wanted is None else None,
            foreseen=candidate.foreseen if about.wanted is None else None,
        )
        answer = self._answer(question, remediation, candidate)
        return Decided(decision=Decision(answer=answer), question=question, plan=plan)

    def _answer(self, question: Question, remediation: Remediation, candidate: Candidate) -> Answer:
        plan, rule = question.plan, question.rule
        by_rule = f"{describe(plan)}, by rule {rule.id} of the policy"
        mode = stricter(self._mode(), rule.mode)
        if mode == "observe":
            return NotNow(reason=Reason.MODE_OBSERVE, detail=by_rule, plan=plan)
        steps = self._history.autonomy(plan.remediation, plan.fault)
        rung = rung_after(question.policy.autonomy.start, steps)
        allowed = mode_on(rung, asked_for=question.harm is None)
        if allowed == "observe":
            return _not_trusted(plan, rung, steps)
        if stricter(mode, allowed) != mode:
            mode, by_rule = allowed, f"{by_rule}; {_because(rung, steps)}"
        objection = find_objection(question)
        return objection or _allow(remediation, candidate, plan, mode, rule.approvals, by_rule)


def _not_trusted(plan: Plan, rung: Rung, steps: Sequence[AutonomyStep]) -> Forbidden:
    """Return that a remediation is only suggested, or not even that; another one may be run instead."""
    why = _because(rung, steps)
    detail = f"suggested: {describe(plan)}; {why}" if rung == "suggest" else f"{plan.remediation}: {why}"
    return Forbidden(reason=Reason.AUTONOMY, detail=detail)


def _because(rung: Rung, steps: Sequence[AutonomyStep]) -> str:
    return f"its autonomy is {rung}" + (f" since {steps[-1].why}" if steps else ", where it begins")


def unfilled(remediation: Remediation, plan: Plan) -> str:
    """Return a placeholder of the remediation's checks that nothing fills, or nothing."""
    known = {*plan.labels, *plan.parameters}
    return next((name for name in remediation.file.verify.names() if name not in known), "")


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


def _answer(answer: Answer) -> Decided:
    return Decided(decision=Decision(answer=answer))


def _allow(
    remediation: Remediation, candidate: Candidate, plan: Plan, mode: Mode, voices: int, detail: str
) -> Answer:
    asked = remediation.file.min_confidence
    if candidate.confidence < asked:
        has = f"the diagnosis has {candidate.confidence:.2f}"
        why = f"{remediation.name} asks for confidence {asked:.2f}, {has}"
        return Ask(reason=Reason.LOW_CONFIDENCE, plan=plan, voices=voices, detail=why)
    if mode == "approve":
        return Ask(reason=Reason.APPROVAL_NEEDED, plan=plan, voices=voices, detail=detail)
    return Proceed(reason=Reason.ALLOWED, plan=plan, detail=detail)


def _nothing_fits(candidate: Candidate, about: Circumstances) -> Answer:
    if about.wanted is not None:
        only = " that is only foreseen" if candidate.foreseen is not None else ""
        detail = f"{about.wanted} is not for {candidate.fault}{only}"
        return Unfit(reason=Reason.NO_REMEDIATION, detail=detail)
    if about.tried:
        detail = f"tried: {', '.join(sorted(about.tried))}"
        return Unfit(reason=Reason.REMEDIATIONS_EXHAUSTED, detail=detail)
    if candidate.foreseen is not None:
        detail = f"nothing in the catalog prevents {candidate.fault}"
        return Unfit(reason=Reason.NO_PREVENTION, detail=detail)
    return Unfit(reason=Reason.NO_REMEDIATION, detail=f"nothing in the catalog fixes {candidate.fault}")
