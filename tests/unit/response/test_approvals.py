"""What people may do with a yes: it is a right that is used once, for the plan they saw, while it lasts."""

from dataclasses import replace

import pytest

from agent.errors import ConflictError, NotFoundError, RefusedError
from agent.reasons import Reason
from agent.records import IncidentState, PauseScope, Verdict
from tests.world import ANN, BOB, CATALOG, Person

ASK = [{"id": "ask", "mode": "approve", "canary": False}]
TWO = [{"id": "ask", "mode": "approve", "approvals": 2, "canary": False}]
ASKED = IncidentState.AWAITING_APPROVAL
CAROL = Person("carol")


@pytest.fixture
def asked(make_world):
    """A world in which people are asked about a restart of web1."""
    made = make_world(policy={"remediations": ASK})
    made.pass_time(15)
    made.break_host("web1")
    made.until(lambda: made.incidents and made.incidents[0].state is ASKED)
    return made


def state_of(world):
    return world.stores.approvals.newest(1).state


def test_a_yes_is_used_by_one_run_and_no_other(asked):
    asked.people.vote(1, True, ANN)
    asked.turn()
    (work,) = asked.at_work("steps")
    used = asked.stores.approvals.newest(1)
    assert (used.state, used.run_id, work.run.actor) == ("used", work.run.id, "ann")
    asked.finish("fails")
    asked.until(lambda: asked.incidents[0].state is ASKED)
    # the same again: by a person's request, an hour later, it takes another yes
    asked.pass_time(2000, step=50)
    asked.people.ask_for_run(1, "restart", BOB)
    asked.pass_time(60)
    assert asked.at_work() == []
    assert state_of(asked) == "pending"


def test_a_yes_lapses_when_nothing_begins_for_as_long_as_it_could_have_been_waited_for(asked):
    asked.people.pause(ANN)
    asked.people.vote(1, True, ANN)
    asked.pass_time(4000, step=100)
    assert state_of(asked) == "lapsed"
    asked.people.resume(ANN)
    asked.pass_time(60)
    assert asked.at_work() == []
    assert (asked.incidents[0].state, state_of(asked)) == (ASKED, "pending")


def test_a_policy_that_wants_two_by_now_asks_for_the_second(asked):
    asked.people.pause(ANN)
    asked.people.vote(1, True, ANN)
    asked.set_policy(remediations=TWO)
    asked.people.resume(ANN)
    asked.pass_time(30)
    assert asked.at_work() == []
    newest = asked.stores.approvals.newest(1)
    assert (newest.state, newest.needed, len(newest.votes)) == ("pending", 2, 1)
    asked.people.vote(1, True, BOB)
    asked.turn()
    assert [work.run.actor for work in asked.at_work("steps")] == ["ann, bob"]


def test_voices_that_cross_a_new_policy_count_as_many_as_it_wants(make_world):
    rule = {"id": "r", "mode": "approve", "canary": False}
    world = make_world(policy={"remediations": [{**rule, "approvals": 2}]})
    world.pass_time(15)
    world.break_host("web1")
    world.until(lambda: world.incidents and world.incidents[0].state is ASKED)
    world.people.vote(1, True, ANN)
    world.set_policy(remediations=[{**rule, "approvals": 3}])
    world.people.vote(1, True, BOB)  # enough by the policy under which it was asked
    world.pass_time(30)
    assert world.at_work() == []
    world.people.vote(1, True, CAROL)
    world.until(lambda: world.at_work("steps"))


def test_a_yes_of_somebody_who_may_no_more_is_no_voice(asked):
    asked.people.pause(ANN)
    asked.people.vote(1, True, ANN)
    roles = {"people": {"users": ["bob"], "may": ["approve", "resume"]}}
    asked.set_policy(remediations=ASK, roles=roles)
    asked.people.resume(BOB)
    asked.pass_time(30)
    assert asked.at_work() == []
    asked.people.vote(1, True, BOB)
    asked.turn()
    assert asked.at_work("steps")


def test_a_yes_for_other_files_is_none(asked):
    asked.people.pause(ANN)
    asked.people.vote(1, True, ANN)
    catalog = asked.current.definitions.catalog
    changed = {**catalog, "restart": replace(catalog["restart"], digest="other")}
    asked.current.definitions = replace(asked.current.definitions, catalog=changed)
    asked.people.resume(ANN)
    asked.pass_time(30)
    assert asked.at_work() == []
    assert state_of(asked) == "pending"


def test_what_people_have_is_not_asked_any_more(asked):
    asked.people.vote(1, False, ANN, "not now")
    asked.until(lambda: asked.incidents[0].state is IncidentState.ESCALATED)
    with pytest.raises(ConflictError, match="denied already"):
        asked.people.vote(1, True, BOB)
    asked.set_policy(remediations=[])
    asked.break_host("web2")
    asked.until(lambda: len(asked.incidents) == 2)
    with pytest.raises(NotFoundError):
        asked.people.vote(2, True, BOB)


def test_a_request_is_withdrawn_with_the_escalation_of_its_incident(asked):
    asked.set_policy(remediations=[])
    asked.until(lambda: asked.incidents[0].state is IncidentState.ESCALATED)
    with pytest.raises(RefusedError, match="asks for nothing any more"):
        asked.people.vote(1, True, ANN)


def test_nobody_answered_people_are_called_once(asked):
    asked.until(lambda: asked.incidents[0].state is IncidentState.ESCALATED, seconds=4000, step=50)
    assert asked.incidents[0].reason is Reason.APPROVAL_EXPIRED
    assert asked.messages() == ["approval", "escalated"]


def test_twenty_flips_between_near_equal_diagnoses_are_one_question(make_world):
    catalog = {"restart": {"fixes": ["down"]}, "repair": {"fixes": ["failing"]}}
    world = make_world(policy={"remediations": ASK}, catalog=catalog)
    world.pass_time(15)
    world.break_host("web1")
    world.break_host("web1", "unit_failed")
    world.until(lambda: world.incidents and world.incidents[0].state is ASKED)
    book = world.current.definitions.book
    for flip in range(20):
        for rule in book.rules.values():
            surer = (rule.fault == "down") == bool(flip % 2)
            object.__setattr__(rule, "confidence", 0.95 if surer else 0.9)
        world.pass_time(10)
    assert world.messages("approval") == ["approval"]
    assert state_of(world) == "pending"


class TestARequestToRun:
    @pytest.fixture
    def escalated(self, make_world):
        """A world in which people have the incident of web1: the policy allows nothing."""
        made = make_world(policy={"remediations": []})
        made.pass_time(15)
        made.break_host("web1")
        made.until(lambda: made.incidents and made.incidents[0].state is IncidentState.ESCALATED)
        return made

    def answer(self, world):
        (request,) = world.stores.run_requests.of_incident(1)
        return request.state, request.answer

    def test_of_a_mistyped_name_says_what_was_meant(self, asked):
        with pytest.raises(NotFoundError, match="did you mean restart"):
            asked.people.ask_for_run(1, "resart", ANN)
        assert asked.stores.run_requests.of_incident(1) == []

    def test_that_the_policy_forbids_is_refused_and_moves_nothing(self, escalated):
        before = escalated.incidents[0]
        escalated.people.ask_for_run(1, "restart", ANN)
        escalated.turn()
        assert self.answer(escalated)[0] == "refused"
        assert "no rule of the policy" in self.answer(escalated)[1]
        assert escalated.incidents[0].state is before.state
        assert escalated.messages("escalated") == ["escalated"]

    def test_during_a_pause_waits_and_stays_that_persons(self, asked):
        asked.set_policy(remediations=[{"id": "all", "mode": "auto"}])
        asked.people.pause(BOB)
        asked.people.ask_for_run(1, "reinstall", ANN)
        asked.pass_time(600, step=60)
        assert self.answer(asked) == ("open", "")
        asked.people.resume(BOB)
        asked.turn()
        (work,) = asked.at_work("steps")
        assert (work.run.plan.remediation, work.run.actor) == ("reinstall", "ann")
        assert self.answer(asked) == ("started", f"run {work.run.id}")

    def test_is_no_state_of_an_escalated_incident_while_somebody_is_asked(self, escalated):
        escalated.set_policy(remediations=ASK)
        escalated.people.ask_for_run(1, "restart", ANN)
        escalated.turn()
        assert escalated.incidents[0].state is IncidentState.ESCALATED
        with pytest.raises(RefusedError, match="own request"):
            escalated.people.vote(1, True, ANN)
        escalated.people.vote(1, True, BOB)
        escalated.turn()
        assert escalated.at_work("steps")[0].run.actor == "ann"
        escalated.finish(mend=True)
        escalated.until(lambda: escalated.incidents[0].state.settled)
        assert escalated.runs()[0].verdict is Verdict.RECOVERED

    def test_that_nobody_approves_is_refused(self, escalated):
        escalated.set_policy(remediations=ASK)
        escalated.people.ask_for_run(1, "restart", ANN)
        escalated.turn()
        escalated.people.vote(1, False, BOB, "no")
        escalated.turn()
        assert self.answer(escalated)[0] == "refused"
        assert "bob: no" in self.answer(escalated)[1]

    def test_waits_for_the_end_of_a_pause_of_its_group_and_stays_that_persons(self, make_world):
        world = make_world()
        pause = world.people.pause(BOB, scope=PauseScope(groups=("web",)))
        world.pass_time(15)
        world.break_host("web1")
        world.until(lambda: world.incidents)
        asked = world.people.ask_for_run(1, "restart", ANN)
        world.pass_time(600, step=60)
        assert world.at_work() == []
        assert world.stores.run_requests.get(asked.id).state == "open"
        world.people.resume(BOB, pause.id)
        world.until(lambda: world.at_work("steps"))
        assert world.at_work("steps")[0].run.actor == "ann"
        assert world.stores.run_requests.get(asked.id).state == "started"

    def test_that_cannot_begin_for_a_day_is_forgotten(self, asked):
        asked.people.pause(BOB)
        asked.people.ask_for_run(1, "reinstall", ANN)
        asked.pass_time(90_000, step=3000)
        assert self.answer(asked)[0] == "expired"

    def test_may_override_a_cooldown_with_a_reason_and_the_permission(self, make_world):
        world = make_world(catalog={"restart": CATALOG["restart"]})
        world.pass_time(15)
        world.break_host("web1")
        world.until(lambda: world.at_work("steps"))
        world.finish("fails")
        world.until(lambda: world.incidents[0].state.settled)
        for nothing in ("", " \n", "\u200b", "\u00a0"):
            with pytest.raises(RefusedError, match="says why"):
                world.people.ask_for_run(1, "restart", ANN, nothing, override_cooldown=True)
        world.people.ask_for_run(1, "restart", ANN, "the disk was swapped", override_cooldown=True)
        world.turn()
        assert world.at_work("steps")[0].run.actor == "ann"

    def test_without_the_permission_overrides_nothing(self, make_world):
        may = ["run", "approve"]
        world = make_world(policy={"roles": {"people": {"users": ["ann"], "may": may}}})
        world.pass_time(15)
        world.break_host("web1")
        world.until(lambda: world.incidents)
        with pytest.raises(RefusedError, match="may not override"):
            world.people.ask_for_run(1, "restart", ANN, "now", override_cooldown=True)

    def test_of_two_people_at_once_one_is_told_of_the_other(self, asked):
        asked.people.pause(BOB)
        asked.people.ask_for_run(1, "reinstall", ANN)
        with pytest.raises(ConflictError, match="ann has asked for reinstall already"):
            asked.people.ask_for_run(1, "restart", CAROL)
