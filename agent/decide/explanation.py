"""An incident in, of each remediation that might be run for it who says what to that now out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agent.clock import Clock
from agent.config.policyfile import PolicyFile, RemediationRule
from agent.config.remediationfile import RemediationFile
from agent.decide.catalog import Remediation
from agent.decide.decider import Circumstances, Decider, describe
from agent.decide.guards import GUARDS, Question
from agent.decide.policy import fits
from agent.decide.targets import Inventory
from agent.errors import RunError
from agent.reasons import Reason
from agent.records import Forbidden, Incident, InventoryHost, NotNow, Pause, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one rule of the policy says (it fits, or not), or one guard: it agrees, holds or forbids."""

    by: str
    answer: str
    reason: Reason | None = None
    detail: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What would become of one remediation: ``proceed``, ``ask``, ``not_now``, ``forbidden`` or ``unfit``.

    ``plan`` says in one line what it would do, where that can be told. ``tried`` says that it ran already.
    """

    remediation: str
    answer: str
    reason: Reason
    detail: str
    plan: str
    tried: bool
    rules: Sequence[Said]
    guards: Sequence[Said]


class Explainer:
    """Asks the decider, and everybody whom it asks, about each remediation by itself. Nothing is decided."""

    def __init__(
        self,
        decider: Decider,
        catalog: Callable[[], Mapping[str, Remediation]],
        policy: Callable[[], PolicyFile],
        inventory: Inventory,
        pauses: Callable[[datetime], Sequence[Pause]],
        clock: Clock,
    ) -> None:
        self._decider = decider
        self._catalog = catalog
        self._policy = policy
        self._inventory = inventory
        self._pauses = pauses
        self._clock = clock

    def explain(self, incident: Incident, tried: Collection[str]) -> list[Explained]:
        """Return what is to be said of each remediation for any of the incident's faults, the best first."""
        ranked = [option.remediation for option in incident.options]
        faults = {one.fault for one in incident.diagnosis.candidates}
        fitting = [name for name, one in self._catalog().items() if not faults.isdisjoint(one.file.fixes)]
        names = dict.fromkeys([*(name for name in ranked if name in fitting), *sorted(fitting)])
        return [self._explain(incident, name, name in tried) for name in names]

    def _explain(self, incident: Incident, name: str, tried: bool) -> Explained:
        now = self._clock.now()
        pauses = self._pauses(now)
        decided = self._decider.decide(incident, Circumstances(now=now, pauses=pauses, wanted=name))
        answer, question, plan = decided.decision.answer, decided.question, decided.plan
        return Explained(
            remediation=name,
            answer=_ANSWERS.get(type(answer), type(answer).__name__.lower()),
            reason=answer.reason,
            detail=answer.detail,
            plan=describe(plan) if plan is not None else "",
            tried=tried,
            rules=self._rules(plan, self._catalog()[name].file) if plan is not None else (),
            guards=list(_guards(question)) if question is not None else (),
        )

    def _rules(self, plan: Plan, file: RemediationFile) -> list[Said]:
        try:
            hosts = self._inventory.hosts()
        except RunError:
            return []
        return [_fitting(rule, plan, file, hosts) for rule in self._policy().remediations]


_ANSWERS: Mapping[type, str] = {NotNow: "not_now"}


def _fitting(
    rule: RemediationRule, plan: Plan, file: RemediationFile, hosts: Mapping[str, InventoryHost]
) -> Said:
    """Return whether a rule of the policy is for a plan. Of each host the first one that fits counts."""
    found = [fits(rule.when, plan, file, hosts[name]) for name in plan.hosts if name in hosts]
    voices = f", {rule.approvals} to say yes" if rule.mode == "approve" else ""
    allows = f"mode {rule.mode}{voices}"
    if found and all(found):
        return Said(by=rule.id, answer="fits", detail=allows)
    if any(one is None for one in found):
        return Said(by=rule.id, answer="may fit", detail=f"{allows}; a host's environment is not known")
    if any(found):
        return Said(by=rule.id, answer="fits some hosts", detail=allows)
    return Said(by=rule.id, answer="does not fit")


def _guards(question: Question) -> Iterator[Said]:
    for guard in GUARDS:
        name = guard.__name__.strip("_")
        objection = guard(question)
        if objection is None:
            yield Said(by=name, answer="agrees")
            continue
        said = Said(by=name, answer="holds", reason=objection.reason, detail=objection.detail)
        yield (
            replace(said, answer="forbids")
            if isinstance(objection, Forbidden)
            else replace(said, until=objection.until)
        )
