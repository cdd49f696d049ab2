"""Decisions: what fits, what forbids it, and always a reason."""

from datetime import datetime, timedelta

import pytest

from agent.decide import Decider
from agent.errors import RunError
from agent.reasons import Reason
from agent.records import Action
from tests.make import NOW, candidate, host, incident, plan, remediation


class Hosts:
    def __init__(self, *names: str) -> None:
        self.names = names

    def hosts(self):
        if not self.names:
            raise RunError("no inventory")
        return {name: host(name) for name in self.names}


class Past:
    """A run history: when each remediation was started."""

    def __init__(self, starts: dict[str, list[datetime]] | None = None, busy: tuple[str, ...] = ()) -> None:
        self.starts = starts or {}
        self.busy = frozenset(busy)

    def last_start(self, remediation: str, host: str, fault: str) -> datetime | None:
        return max(self.starts.get(remediation, []), default=None)

    def starts_since(self, remediation: str, host: str, since: datetime) -> int:
        return sum(1 for start in self.starts.get(remediation, []) if start >= since)

    def busy_hosts(self) -> frozenset[str]:
        return self.busy


def decide(*catalog, mode="auto", past=None, hosts=("web1",), tried=(), approved=None, paused=None, of=None):
    made = {one.name: one for one in catalog}
    decider = Decider(made, Hosts(*hosts), past or Past(), mode)
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


class TestGuards:
    """Each guard, with an attempt to get past it."""

    def test_pause_holds_even_what_is_approved(self):
        approved = plan(parameters={})
        decision = decide(remediation(), mode="approve", approved=approved, paused="paused by me")
        assert (decision.action, decision.reason) == (Action.HOLD, Reason.PAUSED)

    def test_a_busy_host_holds(self):
        decision = decide(remediation(), past=Past(busy=("web1",)))
        assert (decision.action, decision.reason) == (Action.HOLD, Reason.HOST_BUSY)

    def test_cooldown_lasts_to_the_second(self):
        limits = {"cooldown": "30m"}
        early = Past({"restart": [NOW - timedelta(minutes=29, seconds=59)]})
        late = Past({"restart": [NOW - timedelta(minutes=30)]})
        assert decide(remediation(limits=limits), past=early).reason is Reason.COOLDOWN
        assert decide(remediation(limits=limits), past=late).action is Action.RUN

    def test_cooldown_of_one_lets_the_next_remediation_have_its_turn(self):
        past = Past({"first": [NOW]})
        chosen = decide(remediation("first", priority=90), remediation("second", priority=10), past=past)
        assert chosen.plan.remediation == "second"

    def test_the_daily_limit_counts_24_hours_back(self):
        limits = {"cooldown": "0s", "per_day": 2}
        two = [NOW - timedelta(hours=1), NOW - timedelta(hours=23)]
        assert decide(remediation(limits=limits), past=Past({"restart": two})).reason is Reason.DAILY_LIMIT
        aged = [NOW - timedelta(hours=1), NOW - timedelta(hours=25)]
        assert decide(remediation(limits=limits), past=Past({"restart": aged})).action is Action.RUN

    def test_an_approval_does_not_open_the_daily_limit(self):
        past = Past({"restart": [NOW - timedelta(hours=1)]})
        strict = remediation(limits={"cooldown": "0s", "per_day": 1})
        assert decide(strict, approved=plan(parameters={}), past=past).reason is Reason.DAILY_LIMIT
