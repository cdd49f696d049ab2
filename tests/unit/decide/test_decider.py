"""Decisions: what fits, what forbids it, and always a reason."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.config.policyfile import PolicyFile
from agent.decide import Circumstances, Decider
from agent.errors import RunError
from agent.reasons import Reason
from agent.records import Ask, Diagnosis, Forbidden, NotNow, Proceed, Unfit
from tests.make import NOW, Past, candidate, host, incident, remediation


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
    of=None,
    about=None,
    **past,
):
    made = {one.name: one for one in catalog}
    decider = Decider(lambda: made, lambda: policy, Hosts(*hosts), Past(**past), lambda: mode)
    return decider.decide(of or incident(), Circumstances(now=NOW, **(about or {}))).decision


def test_the_fitting_remediation_with_the_highest_priority_runs():
    chosen = decide(
        remediation("low", priority=10),
        remediation("high", priority=90),
        remediation("other", priority=99, fixes=["else"]),
    ).answer
    assert isinstance(chosen, Proceed)
    assert (chosen.reason, chosen.plan.remediation, chosen.plan.hosts) == (Reason.ALLOWED, "high", ("web1",))


def test_nothing_that_fits_is_for_people():
    answer = decide().answer
    assert (type(answer), answer.reason) == (Unfit, Reason.NO_REMEDIATION)


def test_no_diagnosis_waits_for_one():
    unknown = replace(incident(candidate()), diagnosis=Diagnosis())
    answer = decide(remediation(), of=unknown).answer
    assert (type(answer), answer.reason) == (NotNow, Reason.NO_DIAGNOSIS)


@pytest.mark.parametrize(
    ("mode", "kind", "reason"),
    [
        ("observe", NotNow, Reason.MODE_OBSERVE),
        ("approve", Ask, Reason.APPROVAL_NEEDED),
        ("auto", Proceed, Reason.ALLOWED),
    ],
)
def test_the_mode_decides_who_has_the_last_word(mode, kind, reason):
    answer = decide(remediation(), mode=mode).answer
    assert (type(answer), answer.reason) == (kind, reason)
    assert answer.plan is not None


def test_a_diagnosis_that_is_not_sure_enough_asks_even_in_auto():
    answer = decide(remediation(min_confidence=0.95)).answer
    assert (type(answer), answer.reason) == (Ask, Reason.LOW_CONFIDENCE)


def test_what_was_tried_is_not_tried_again():
    two = (remediation("first", priority=90), remediation("second", priority=10))
    assert decide(*two, about={"tried": ["first"]}).answer.plan.remediation == "second"
    exhausted = decide(*two, about={"tried": ["first", "second"]}).answer
    assert (type(exhausted), exhausted.reason) == (Unfit, Reason.REMEDIATIONS_EXHAUSTED)


class TestWhatHasToWait:
    MILD = {"priority": 90, "limits": {"cooldown": "30m"}}

    def test_the_harsher_one_is_not_started_while_the_mild_one_cools_down(self):
        two = (remediation("mild", **self.MILD), remediation("harsh", priority=10))
        answer = decide(*two, starts={"mild": [NOW]}).answer
        assert (type(answer), answer.reason) == (NotNow, Reason.COOLDOWN)
        assert answer.until == NOW + timedelta(minutes=30)

    def test_what_does_not_fit_or_is_forbidden_gives_way_to_the_next(self):
        lost = remediation("lost", priority=90, target="{nowhere}")
        barred = remediation("barred", priority=80)
        rules = [{"id": "some", "when": {"remediations": ["last", "lost"]}, "mode": "auto"}]
        policy = PolicyFile.model_validate({"roles": {}, "remediations": rules})
        chosen = decide(lost, barred, remediation("last", priority=10), policy=policy).answer
        assert (type(chosen), chosen.plan.remediation) == (Proceed, "last")

    def test_an_inventory_that_cannot_be_read_is_waited_for(self):
        answer = decide(remediation(), hosts=()).answer
        assert (type(answer), answer.reason) == (NotNow, Reason.INVENTORY_UNAVAILABLE)


def test_a_target_that_is_no_host_does_not_fit():
    answer = decide(remediation(), hosts=("other",)).answer
    assert (type(answer), answer.reason) == (Unfit, Reason.TARGET_UNKNOWN)


def test_a_refused_parameter_does_not_fit():
    unit = {"unit": {"type": "string", "from": "unit", "pattern": "a"}}
    assert decide(remediation(parameters=unit)).answer.reason is Reason.PARAMETER_REFUSED


@pytest.mark.parametrize(
    "verify",
    [
        {"checks": [{"query": 'up{instance="{instance}"}', "equals": 1}]},
        {"checks": [{"query": 'p{h="{host}"}', "absent": True, "while": 'up{i="{instance}"}'}]},
        {
            "checks": [{"anomalies": "closed"}],
            "hopeless_when": [{"query": 'failed{i="{instance}"}', "equals": 1}],
        },
    ],
    ids=["check", "while", "hopeless"],
)
def test_what_could_not_be_verified_afterwards_does_not_run(verify):
    """The check asks for the instance, and the diagnosis knows the host alone."""
    answer = decide(remediation(verify=verify)).answer
    assert (type(answer), answer.reason) == (Unfit, Reason.CHECKS_UNFIT)
    assert "'instance'" in answer.detail
    known = incident(candidate(labels={"host": "web1", "instance": "web1:9100"}))
    assert isinstance(decide(remediation(verify=verify), of=known).answer, Proceed)


def test_the_policy_may_ask_where_the_mode_would_run():
    answer = decide(remediation(risk="high")).answer
    assert (type(answer), answer.voices) == (Ask, 2)


def test_the_mode_is_the_ceiling_of_the_policy():
    assert isinstance(decide(remediation(), mode="approve").answer, Ask)


def test_what_no_rule_allows_is_forbidden():
    nothing = PolicyFile.model_validate({"roles": {}, "remediations": []})
    answer = decide(remediation(), policy=nothing).answer
    assert (type(answer), answer.reason) == (Forbidden, Reason.POLICY_DENIES)


class TestAnOpenRequestStands:
    """Two diagnoses that are about as sure flip with every poll; people are asked once."""

    def near(self, first, second):
        return incident(
            candidate("down", confidence=first, labels={"host": "web1"}),
            candidate("hung", confidence=second, labels={"host": "web1"}),
        )

    CATALOG = (remediation("restart", fixes=["down"]), remediation("kill", fixes=["hung"]))

    def ask(self, of, standing=None):
        return decide(*self.CATALOG, mode="approve", of=of, about={"standing": standing}).answer

    def test_while_its_fault_is_about_as_sure_as_the_surest(self):
        asked = self.ask(self.near(0.9, 0.88)).plan
        assert asked.remediation == "restart"
        flipped = incident(*reversed(self.near(0.88, 0.9).diagnosis.candidates))
        assert self.ask(flipped).plan.remediation == "kill"
        assert self.ask(flipped, standing=asked).plan == replace(asked, confidence=0.88)

    def test_until_its_fault_is_clearly_less_sure_or_not_seen(self):
        asked = self.ask(self.near(0.9, 0.88)).plan
        clear = incident(*reversed(self.near(0.5, 0.9).diagnosis.candidates))
        assert self.ask(clear, standing=asked).plan.remediation == "kill"
        gone = incident(candidate("hung", labels={"host": "web1"}))
        assert self.ask(gone, standing=asked).plan.remediation == "kill"

    def test_and_not_when_its_files_are_others_by_now(self):
        asked = replace(self.ask(self.near(0.9, 0.88)).plan, digest="old")
        flipped = incident(*reversed(self.near(0.88, 0.9).diagnosis.candidates))
        assert self.ask(flipped, standing=asked).plan.remediation == "kill"


class TestWhatAPersonWants:
    CATALOG = (remediation("best", priority=90), remediation("mine", fixes=["hung"], priority=1))

    def test_is_for_the_fault_that_it_fixes_though_another_one_is_surer(self):
        both = incident(candidate("down"), candidate("hung", confidence=0.85))
        assert decide(*self.CATALOG, of=both, about={"wanted": "mine"}).answer.plan.fault == "hung"

    def test_is_refused_where_it_fixes_nothing_that_was_found(self):
        answer = decide(*self.CATALOG, about={"wanted": "mine"}).answer
        assert (type(answer), answer.reason) == (Unfit, Reason.NO_REMEDIATION)


def test_what_helped_before_is_preferred():
    two = (remediation("lucky"), remediation("useless"))
    chosen = decide(*two, outcomes={"lucky": (9, 10), "useless": (0, 10)})
    assert chosen.answer.plan.remediation == "lucky"
    assert [option.remediation for option in chosen.options] == ["lucky", "useless"]
    assert chosen.options[1].note == "priority 50, helped 0 of 10 times, of late 0% (0% to 20%)"


def test_much_failure_outweighs_a_higher_priority():
    two = (remediation("proud", priority=70), remediation("humble", priority=50))
    assert decide(*two).answer.plan.remediation == "proud"
    chosen = decide(*two, outcomes={"proud": (0, 20), "humble": (20, 20)}).answer
    assert chosen.plan.remediation == "humble"
