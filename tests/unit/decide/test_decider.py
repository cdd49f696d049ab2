"""Decisions: what fits, what forbids it, and always a reason."""

import pytest

from agent.config.policyfile import PolicyFile
from agent.decide import Decider
from agent.errors import RunError
from agent.reasons import Reason
from agent.records import Action
from tests.make import NOW, Past, candidate, host, incident, plan, remediation


class Hosts:
    def __init__(self, *names: str) -> None:
        self.names = names

    def hosts(self):
        if not self.names:
            raise RunError("no inventory")
        return {name: host(name) for name in self.names}


POLICY = PolicyFile.model_validate(
    {
        "roles": {},
        "remediations": [
            {"id": "careful", "when": {"risk": ["high"]}, "mode": "approve", "approvals": 2},
            {"id": "rest", "when": {"groups": ["all"]}, "mode": "auto"},
        ],
    }
)


def decide(
    *catalog,
    mode="auto",
    policy=POLICY,
    hosts=("web1",),
    tried=(),
    approved=None,
    paused=None,
    of=None,
    **past,
):
    made = {one.name: one for one in catalog}
    decider = Decider(lambda: made, lambda: policy, Hosts(*hosts), Past(**past), lambda: mode)
    return decider.decide(of or incident(), tried, approved, paused, NOW)


def test_the_fitting_remediation_with_the_highest_priority_runs():
    chosen = decide(
        remediation("low", priority=10),
        remediation("high", priority=90),
        remediation("other", priority=99, fixes=["else"]),
    )
    assert (chosen.action, chosen.reason, chosen.plan.remediation) == (Action.RUN, Reason.ALLOWED, "high")
    assert chosen.plan.hosts == ("web1",)


def test_nothing_that_fits_is_for_people():
    assert decide().reason is Reason.NO_REMEDIATION


def test_no_diagnosis_holds():
    empty = incident(candidate())
    unknown = type(empty)(
        **{**{f: getattr(empty, f) for f in empty.__slots__}, "diagnosis": type(empty.diagnosis)()}
    )
    assert decide(remediation(), of=unknown).reason is Reason.NO_DIAGNOSIS


@pytest.mark.parametrize(
    ("mode", "action", "reason"),
    [
        ("observe", Action.HOLD, Reason.MODE_OBSERVE),
        ("approve", Action.ASK, Reason.APPROVAL_NEEDED),
        ("auto", Action.RUN, Reason.ALLOWED),
    ],
)
def test_the_mode_decides_who_has_the_last_word(mode, action, reason):
    decision = decide(remediation(), mode=mode)
    assert (decision.action, decision.reason) == (action, reason)
    assert decision.plan is not None


def test_a_diagnosis_that_is_not_sure_enough_asks_even_in_auto():
    decision = decide(remediation(min_confidence=0.95))
    assert (decision.action, decision.reason) == (Action.ASK, Reason.LOW_CONFIDENCE)


def test_an_approved_plan_runs_while_it_is_still_the_plan():
    approved = plan(remediation="restart", digest="d", hosts=("web1",), parameters={})
    assert decide(remediation(), mode="approve", approved=approved).reason is Reason.APPROVED


@pytest.mark.parametrize(
    "changed", [{"digest": "other"}, {"hosts": ("web2",)}, {"parameters": {"x": 1}}, {"remediation": "else"}]
)
def test_an_approval_of_something_else_does_not_count(changed):
    approved = plan(
        **{"remediation": "restart", "digest": "d", "hosts": ("web1",), "parameters": {}, **changed}
    )
    assert decide(remediation(), mode="approve", approved=approved).action is Action.ASK


def test_what_was_tried_is_not_tried_again():
    two = (remediation("first", priority=90), remediation("second", priority=10))
    assert decide(*two, tried=["first"]).plan.remediation == "second"
    exhausted = decide(*two, tried=["first", "second"])
    assert (exhausted.action, exhausted.reason) == (Action.ESCALATE, Reason.REMEDIATIONS_EXHAUSTED)


@pytest.mark.parametrize(
    ("hosts", "reason"), [(("other",), Reason.TARGET_UNKNOWN), ((), Reason.INVENTORY_UNAVAILABLE)]
)
def test_a_target_that_does_not_resolve_does_not_run(hosts, reason):
    decision = decide(remediation(), hosts=hosts)
    assert decision.reason is reason
    assert decision.action is not Action.RUN


def test_a_refused_parameter_is_for_people():
    unit = {"unit": {"type": "string", "from": "unit", "pattern": "a"}}
    assert decide(remediation(parameters=unit)).reason is Reason.PARAMETER_REFUSED


def test_the_policy_may_ask_where_the_mode_would_run():
    decision = decide(remediation(risk="high"))
    assert (decision.action, decision.approvals) == (Action.ASK, 2)


def test_the_mode_is_the_ceiling_of_the_policy():
    assert decide(remediation(), mode="approve").action is Action.ASK


def test_what_no_rule_allows_is_forbidden():
    nothing = PolicyFile.model_validate({"roles": {}, "remediations": []})
    decision = decide(remediation(), policy=nothing)
    assert (decision.action, decision.reason) == (Action.ESCALATE, Reason.POLICY_DENIES)
    approved = plan(parameters={})
    assert decide(remediation(), policy=nothing, approved=approved).reason is Reason.POLICY_DENIES


def test_what_helped_before_is_preferred():
    two = (remediation("lucky"), remediation("useless"))
    chosen = decide(*two, outcomes={"lucky": (9, 10), "useless": (0, 10)})
    assert chosen.plan.remediation == "lucky"
    assert [option.remediation for option in chosen.options] == ["lucky", "useless"]
    assert chosen.options[1].note == "priority 50, helped 0 of 10 times"


def test_much_failure_outweighs_a_higher_priority():
    two = (remediation("proud", priority=70), remediation("humble", priority=50))
    assert decide(*two).plan.remediation == "proud"
    chosen = decide(*two, outcomes={"proud": (0, 20), "humble": (20, 20)})
    assert chosen.plan.remediation == "humble"
