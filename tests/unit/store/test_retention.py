"""What is old is forgotten by its kind, what takes most room first; what is not over never."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from agent.config.retention import RetentionSection
from agent.reasons import Reason
from agent.records import Alert, Event, IncidentState, Pause, RunPhase, RunState, StepOutcome, TaskEvent
from agent.records.feedback import Feedback, FeedbackKind
from agent.records.forecasts import Exhaustion, ForecastState, Remaining
from agent.records.investigations import Investigation
from agent.records.links import DecisionLink
from agent.records.orders import RemediationOrder
from agent.store import ask_approval, begin_run, open_stores, save_run
from agent.store.retention import FORGOTTEN, Retention
from agent.store.schema import metadata
from tests.make import NOW, incident, plan, run

AGES = RetentionSection()
DAY = timedelta(days=1)


@pytest.fixture
def stores(tmp_path):
    made = open_stores(tmp_path / "opsmend.db")
    yield made
    made.close()


@pytest.fixture
def forget(stores, tmp_path):
    retention = Retention(stores.database, stores.audit, tmp_path / "audit")
    return lambda days, ages=AGES: retention.forget(ages, NOW + days * DAY)


def treated(stores, state=IncidentState.RECOVERED, phase=RunPhase.OVER, host="web1"):
    """Keep an incident with a run that printed something, and what was found out about it."""
    kept = stores.incidents.add(incident(entity=host, host=host), "t")
    with stores.transaction() as connection:
        begun = begin_run(connection, run(incident_id=kept.id, plan=plan(hosts=(host,))), "t")
        save_run(connection, replace(begun, phase=phase), RunPhase.INTENDED, NOW, "t", "moved", {})
    outcome = StepOutcome(
        name="go", playbook="p.yml", attempt=1, state=RunState.SUCCEEDED, reason=Reason.STEPS_SUCCEEDED,
        started_at=NOW, ended_at=NOW, output="much text",
    )  # fmt: skip
    stores.runs.write_step(begun.id, outcome)
    stores.runs.write_event(begun.id, TaskEvent(at=NOW, step="go", host=host, task="t", status="ok"))
    stores.investigations.keep(Investigation(incident_id=kept.id, at=NOW, report={"summary": "s"}))
    over = replace(kept, state=state, symptomatic=False, closed_at=NOW if state.final else None)
    stores.incidents.save(over, "t")
    return kept.id, begun.id


def order(**fields):
    order = {"id": 0, "owner": "jenkins", "key": None, "digest": "d", "at": NOW, "remediation": "restart"}
    return RemediationOrder(**order, request_id=None, refusal="", **fields)


def test_output_goes_first_then_what_was_found_out_then_the_incident(stores, forget):
    incident_id, run_id = treated(stores)
    assert forget(29) == {}
    assert forget(31) == {"step_output": 1}
    (step,) = stores.runs.get(run_id).steps
    assert (step.output, step.state, list(stores.runs.events(run_id))) == (FORGOTTEN, RunState.SUCCEEDED, [])
    assert forget(91) == {"investigations": 1}
    assert stores.investigations.newest(incident_id) is None
    gone = forget(366)
    assert gone["incidents"] == 1
    assert stores.incidents.list() == []


@pytest.mark.parametrize("state", sorted(set(IncidentState) - {"recovered", "cleared", "closed"}))
def test_an_incident_that_is_not_over_stays_whatever_its_age(stores, forget, state):
    treated(stores, state=state)
    gone = forget(3000)
    assert not {"incidents", "investigations"} & gone.keys()
    assert len(stores.incidents.list()) == 1


def test_a_run_that_is_not_over_keeps_its_output_its_incident_and_its_lock(stores, forget):
    _, run_id = treated(stores, phase=RunPhase.VERIFYING)
    gone = forget(3000)
    assert not {"step_output", "incidents"} & gone.keys()
    assert stores.runs.get(run_id).steps[0].output == "much text"
    assert stores.history.busy_hosts()


def test_alerts_that_are_resolved_are_forgotten_and_those_that_fire_are_not(stores, forget):
    old, fires = (
        Alert(fingerprint=name, name="Down", labels={}, annotations={}, starts_at=NOW, received_at=NOW)
        for name in ("old", "fires")
    )
    stores.alerts.take([old, fires], "t", NOW)
    stores.alerts.take([replace(old, resolved_at=NOW)], "t", NOW)
    assert forget(31).get("alerts") == 1
    assert [one.fingerprint for one in stores.alerts.firing()] == ["fires"]


def test_events_are_forgotten_by_when_they_came(stores, forget):
    event = Event(id="t/0/1", kind="deployment", at=NOW - 99 * DAY, message="", labels={})
    stores.events.take([event], NOW)
    assert forget(30) == {}
    assert forget(31) == {"events": 1}


def test_forecasts_are_forgotten_once_it_is_known_what_came(stores, forget):
    remaining = Remaining(at=NOW, left=DAY, low=DAY, high=DAY)
    found = Exhaustion(signal="s", entity="web1", labels={}, value=1.0, began=NOW, remaining=remaining)
    came, _ = stores.forecasts.add(found), stores.forecasts.add(found)
    stores.forecasts.end(came, ForecastState.CAME, NOW)
    assert forget(366) == {"forecasts": 1}
    assert len(stores.forecasts.open()) == 1


def test_feedback_and_orders_about_an_incident_go_with_it_and_the_others_by_their_age(stores, forget):
    kept = stores.incidents.add(incident(), "t").id  # and never over
    for about in (kept, None):
        said = Feedback(kind=FeedbackKind.RIGHT, author="ann", at=NOW, incident_id=about)
        stores.feedback.add(said)
        stores.orders.place(order(incident_id=about), None)
    assert forget(31) == {"orders": 1}
    assert forget(366) == {"feedback": 1}
    assert [one.incident_id for one in stores.feedback.list()] == [kept]
    assert stores.orders.get(1).incident_id == kept


def test_links_are_forgotten_after_they_have_expired(stores, forget):
    kept = stores.incidents.add(incident(), "t").id
    with stores.transaction() as connection:
        asked = ask_approval(
            connection, kept, plan(), needed=1, asker="t", now=NOW, expires_at=NOW + 2 * DAY, seen=None
        )
    link = DecisionLink(
        id="x", person="ann", incident_id=kept, approval_id=asked, created_at=NOW, expires_at=NOW + 2 * DAY
    )
    stores.links.add(link)
    assert forget(2) == {}
    assert forget(4) == {"decision_links": 1}


def test_every_table_is_forgotten_by_its_age_or_is_known_to_stay_small():
    goes = {
        "alerts",
        "events",
        "failure_forecasts",
        "log_counts",
        "forecasts",
        "incidents",
        "pauses",
        "topologies",
        "audit",
    }
    # one row a month, a source, a pattern, a file, somebody who may come in
    small = {"audit_segments", "cursors", "log_spans", "log_templates", "in_force", "tokens", "sessions"}
    small |= {"autonomy_steps"}  # what is taken away runs no more until people allow it; all steps count
    with_others = {
        table.name for table in metadata.sorted_tables if any(key.ondelete for key in table.foreign_keys)
    }
    assert {table.name for table in metadata.sorted_tables} == goes | small | with_others


def test_a_pause_in_force_is_never_forgotten(stores, forget):
    stores.pauses.begin("ann", "for ever", NOW, None)
    forget(3000)
    (pause,) = stores.pauses.in_force(NOW + 3000 * DAY)
    assert isinstance(pause, Pause)


def test_old_entries_of_the_audit_are_sealed_by_whole_months_and_one_chain(stores, forget):
    treated(stores)
    before = stores.audit.head()
    stores.audit.note(NOW + 400 * DAY, "ann", "did", "thing")
    assert "audit" not in forget(AGES.audit.days + 20)  # the month is not over yet
    assert forget(AGES.audit.days + 35)["audit"] > 0
    assert stores.audit.verify(before).broken_at is None


def test_more_than_fits_one_transaction_goes_all_the_same(stores, forget, monkeypatch):
    monkeypatch.setattr("agent.store.retention._AT_ONCE", 2)
    for number in range(5):
        treated(stores, host=f"h{number}")
    assert forget(366)["incidents"] == 5


@pytest.mark.parametrize(
    ("kind", "least"), [("incidents", "7d at least"), ("feedback", "30d at least"), ("orders", "1d at least")]
)
def test_what_something_still_looks_back_at_is_kept(kind, least):
    with pytest.raises(ValidationError, match=least):
        RetentionSection.model_validate({kind: "1h"})
