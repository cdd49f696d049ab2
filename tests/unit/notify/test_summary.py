"""What people need first: what is wrong, what was done, what it asks of them."""

import pytest

from agent.notify.summary import summarize
from agent.reasons import Reason
from agent.records import IncidentState, RunState, Verdict
from tests.make import NOW, candidate, incident, plan, run


def test_a_name_at_the_beginning_stays_as_it_is():
    named = incident(candidate(evidence=("nginx.service on web1 is not active",)))
    assert summarize(named, [], None, NOW).what.startswith(
        "nginx.service on web1 is not active. opsmend is 90 %"
    )
    spoken = incident(candidate(evidence=("traffic fell to nothing",)))
    assert summarize(spoken, [], None, NOW).what.startswith("Traffic fell to nothing.")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"state": RunState.RUNNING}, "has been at work for 0 s"),
        ({"state": RunState.SUCCEEDED, "verdict": Verdict.PENDING}, "is being looked at"),
        ({"state": RunState.SUCCEEDED, "verdict": Verdict.RECOVERED}, "recovery was proved"),
        ({"state": RunState.SUCCEEDED, "verdict": Verdict.NOT_RECOVERED}, "did not help."),
        (
            {"state": RunState.FAILED, "verdict": Verdict.NOT_RECOVERED, "reason": Reason.STEP_FAILED},
            "a step failed",
        ),
        ({"state": RunState.SUCCEEDED, "verdict": Verdict.UNKNOWN}, "cannot be told"),
        ({"state": RunState.SUCCEEDED, "verdict": Verdict.WORSE}, "made it worse"),
    ],
)
def test_what_was_done_is_told_with_what_came_of_it(fields, said):
    told = summarize(incident(), [run(started_at=NOW, plan=plan(), **fields)], None, NOW).done
    assert told.startswith("restart on web1 (unit=nginx.service)")
    assert said in told


def test_a_run_that_never_began_was_nothing():
    assert summarize(incident(), [run()], None, NOW).done == "Nothing was done about it."


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        (IncidentState.ESCALATED, Reason.REMEDIATIONS_EXHAUSTED, "Somebody has to take it: every fitting"),
        (IncidentState.HELD, Reason.PAUSED, "held back: the agent is paused"),
        (IncidentState.REMEDIATING, None, "being worked on"),
        (IncidentState.RECOVERED, Reason.CHECKS_HELD, "Nothing; it is over"),
    ],
)
def test_what_it_asks_of_people(state, reason, said):
    assert said in summarize(incident(state=state, reason=reason), [], None, NOW).asks


def test_in_mode_observe_it_says_what_it_would_do():
    held = incident(state=IncidentState.HELD, reason=Reason.MODE_OBSERVE, detail="restart on web1, by rule x")
    said = summarize(held, [], None, NOW).asks
    assert said.startswith("Nothing. The agent is in mode observe: it says what it would do")
    assert said.endswith(": restart on web1, by rule x.")
