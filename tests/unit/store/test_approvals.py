"""Approvals in the store: counted by person, a right that is used once, with an end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.errors import ConflictError, NotFoundError, RefusedError
from agent.records import Person
from agent.store import (
    ApprovalStore,
    IncidentStore,
    RunRequestStore,
    answer_request,
    ask_approval,
    begin_run,
    end_approval,
    need_voices,
    use_approval,
)
from tests.make import NOW, incident, plan, run

ANN, BOB = Person("ann", frozenset({"sre"})), Person("bob")
ROOT = Person("root", told_apart=False)
HOUR = timedelta(hours=1)


@pytest.fixture
def approvals(database):
    return ApprovalStore(database)


@pytest.fixture
def asked(database):
    """Return the number of an incident."""
    return IncidentStore(database).add(incident(), "t").id


@pytest.fixture
def ask(database, approvals, asked):
    """Ask for a plan."""

    def asking(needed=1, request=None, seen=None, **fields):
        with database.transaction() as connection:
            ask_approval(
                connection,
                asked,
                plan(**fields),
                needed=needed,
                asker=request.person.name if request else "opsmend",
                now=NOW,
                expires_at=NOW + HOUR,
                seen=seen,
                request_id=request.id if request else None,
            )
        return approvals.newest(asked)

    return asking


@pytest.fixture
def use(database):
    """Use a right up for a new run, on a host of its own."""

    def using(approval, now=NOW):
        with database.transaction() as connection:
            begun = begin_run(
                connection, run(incident_id=approval.incident_id, plan=plan(hosts=(str(now),))), "t"
            )
            use_approval(connection, approval, begun.id, now)
        return begun

    return using


def test_two_clicks_one_decision(ask, approvals, asked):
    ask()
    assert approvals.vote(asked, ANN, True, "", NOW).state == "approved"
    with pytest.raises(ConflictError, match="approved already by ann"):
        approvals.vote(asked, BOB, False, "", NOW)


def test_a_yes_that_comes_while_the_agent_thinks_is_not_lost_to_a_second_question(ask, approvals, asked):
    seen = ask()
    approvals.vote(asked, ANN, True, "", NOW)
    with pytest.raises(ConflictError, match="answered meanwhile"):
        ask(seen=seen)
    assert approvals.newest(asked).state == "approved"


def test_a_question_about_another_plan_takes_the_place_of_the_first(ask):
    assert ask(seen=ask(), remediation="other").plan.remediation == "other"


def test_as_many_yes_as_are_needed_from_different_people(ask, approvals, asked):
    ask(needed=2)
    assert approvals.vote(asked, ANN, True, "", NOW).state == "pending"
    with pytest.raises(ConflictError, match="ann has spoken already"):
        approvals.vote(asked, ANN, True, "", NOW)
    decided = approvals.vote(asked, BOB, True, "", NOW)
    assert decided.state == "approved"
    assert [vote.person for vote in decided.votes] == [ANN, BOB]


def test_who_is_not_told_apart_from_another_is_no_second_voice(ask, approvals, asked):
    ask(needed=2)
    approvals.vote(asked, ROOT, True, "", NOW)
    assert approvals.vote(asked, ANN, True, "", NOW).state == "pending"
    assert approvals.vote(asked, BOB, True, "", NOW).state == "approved"


def test_one_no_is_enough(ask, approvals, asked):
    ask(needed=2)
    approvals.vote(asked, ANN, True, "", NOW)
    assert approvals.vote(asked, BOB, False, "wait", NOW).state == "denied"


def test_nobody_approves_their_own_request_but_may_take_it_back(database, ask, approvals, asked):
    ask(request=RunRequestStore(database).add(asked, "restart", ANN, NOW))
    with pytest.raises(RefusedError, match="own request"):
        approvals.vote(asked, ANN, True, "", NOW)
    assert approvals.vote(asked, ANN, False, "", NOW).state == "denied"


@pytest.mark.parametrize(("asker", "voter"), [(ROOT, ANN), (ANN, ROOT)])
def test_who_may_be_the_asker_does_not_approve(database, ask, approvals, asked, asker, voter):
    ask(request=RunRequestStore(database).add(asked, "restart", asker, NOW))
    with pytest.raises(RefusedError, match="not told apart"):
        approvals.vote(asked, voter, True, "", NOW)


def test_a_right_is_used_once(ask, approvals, asked, use):
    ask()
    approvals.vote(asked, ANN, True, "", NOW)
    right = approvals.newest(asked)
    begun = use(right)
    used = approvals.newest(asked)
    assert (used.state, used.run_id) == ("used", begun.id)
    for stale in (right, used):
        with pytest.raises(ConflictError, match="no right any more"):
            use(stale, NOW + timedelta(seconds=1))


def test_a_yes_lasts_as_long_as_the_question_could_have_waited(ask, approvals, asked, use):
    ask()
    approvals.vote(asked, ANN, True, "", NOW + timedelta(minutes=59))
    right = approvals.newest(asked)
    end = NOW + timedelta(minutes=59) + HOUR
    assert right.expires_at == end
    assert approvals.overdue(end - timedelta(seconds=1)) == []
    assert [one.id for one in approvals.overdue(end)] == [right.id]
    with pytest.raises(ConflictError, match="no right any more"):
        use(right, end)


def test_a_request_that_expired_cannot_be_approved(database, ask, approvals, asked):
    ask()
    with pytest.raises(ConflictError, match="expired"):
        approvals.vote(asked, ANN, True, "", NOW + HOUR)
    (overdue,) = approvals.overdue(NOW + HOUR)
    with database.transaction() as connection:
        assert end_approval(connection, overdue, "expired", NOW + HOUR, "t")
        assert not end_approval(connection, overdue, "expired", NOW + HOUR, "t")
    assert approvals.overdue(NOW + HOUR) == []


def test_a_policy_that_wants_more_voices_by_now_takes_the_right_back(database, ask, approvals, asked):
    ask()
    approvals.vote(asked, ANN, True, "", NOW)
    with database.transaction() as connection:
        need_voices(connection, approvals.newest(asked), 2, False, NOW)
    assert (approvals.newest(asked).state, approvals.newest(asked).needed) == ("pending", 2)
    assert approvals.vote(asked, BOB, True, "", NOW).state == "approved"


def test_what_was_withdrawn_cannot_be_answered(ask, approvals, asked, database):
    open_one = ask()
    with database.transaction() as connection:
        end_approval(connection, open_one, "withdrawn", NOW, "t")
    with pytest.raises(RefusedError, match="asks for nothing any more"):
        approvals.vote(asked, ANN, True, "", NOW)


def test_nothing_asked_nothing_to_decide(approvals):
    with pytest.raises(NotFoundError):
        approvals.vote(1, ANN, True, "", NOW)


def test_an_incident_has_one_open_request_and_each_is_answered_once(database, asked):
    requests = RunRequestStore(database)
    first = requests.add(asked, "restart", ANN, NOW, "please", override_cooldown=True)
    assert requests.open() == [first]
    assert (first.person, first.comment, first.override_cooldown) == (ANN, "please", True)
    with pytest.raises(ConflictError, match="ann has asked for restart already"):
        requests.add(asked, "other", BOB, NOW)
    with database.transaction() as connection:
        answer_request(connection, first, "refused", "no", NOW)
    with pytest.raises(ConflictError), database.transaction() as connection:
        answer_request(connection, first, "started", "run 1", NOW)
    assert requests.get(first.id) == replace(first, state="refused", answer="no", answered_at=NOW)
    assert requests.add(asked, "other", BOB, NOW).remediation == "other"
