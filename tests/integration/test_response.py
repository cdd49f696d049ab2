"""People and the agent: approvals, requests, windows, storms, what a restart must not forget."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from agent.errors import ConflictError, RefusedError
from agent.reasons import Reason
from agent.records import IncidentState
from agent.response import Person
from tests.integration.workshop import MEND, drive, settled
from tests.servers.inbox import running_inbox

ANN, BOB = Person("ann", frozenset()), Person("bob", frozenset())
ASKED = IncidentState.AWAITING_APPROVAL


@pytest.fixture
def inbox():
    with running_inbox() as made:
        yield made


def only(agent):
    (incident,) = agent.stores.incidents.list()
    return incident


def until(agent, state, **more):
    drive(agent, lambda: [one.state for one in agent.stores.incidents.list()] == [state], **more)
    return only(agent)


def target(workshop, inbox, *names):
    """Let messages to these names go to the inbox, which tells them apart by their path."""
    for name in names:
        file = workshop.folder / f"{name}.url"
        file.write_text(f"# where {name} is reached\n{inbox.url}{name}\n")
        workshop.config.setdefault("notify", {}).setdefault("targets", {})[name] = {"url_file": str(file)}


def test_two_people_have_to_say_yes_and_one_person_counts_once(workshop, make_agent):
    workshop.policy(remediations=[{"id": "ask", "mode": "approve", "approvals": 2}])
    agent = make_agent()
    workshop.break_host("web1")
    incident = until(agent, ASKED)
    assert agent.operator_actions.vote(incident.id, True, ANN).state == "pending"
    with pytest.raises(ConflictError):
        agent.operator_actions.vote(incident.id, True, ANN)
    agent.pipeline.poll()
    assert only(agent).state is ASKED
    assert agent.operator_actions.vote(incident.id, True, BOB, "looks right").state == "approved"
    drive(agent, settled(agent.stores))
    (run,) = agent.stores.runs.of_incident(incident.id)
    assert (only(agent).state, run.actor) == (IncidentState.RECOVERED, "ann, bob")


def test_nobody_approves_what_they_asked_for(workshop, make_agent):
    workshop.policy(remediations=[{"id": "ask", "mode": "approve"}])
    workshop.remediation("other", MEND, priority=1)
    agent = make_agent()
    workshop.break_host("web1")
    incident = until(agent, ASKED)
    agent.operator_actions.ask_for_run(incident.id, "other", ANN)
    wanted = "other"
    drive(agent, lambda: agent.stores.approvals.newest(incident.id).plan.remediation == wanted)
    with pytest.raises(RefusedError, match="nobody approves their own request"):
        agent.operator_actions.vote(incident.id, True, ANN)
    agent.operator_actions.vote(incident.id, True, BOB)
    drive(agent, settled(agent.stores))
    (run,) = agent.stores.runs.of_incident(incident.id)
    assert run.plan.remediation == "other"


def test_a_person_may_have_an_escalated_incident_run_once_more(workshop, make_agent):
    workshop.policy(remediations=[{"id": "never", "mode": "observe", "when": {"remediations": ["useless"]}}])
    agent = make_agent()
    workshop.break_host("web1")
    incident = until(agent, IncidentState.ESCALATED)
    assert incident.reason is Reason.POLICY_DENIES
    agent.operator_actions.ask_for_run(incident.id, "mend", ANN)
    drive(agent, lambda: not agent.stores.run_requests.open())
    assert (only(agent).state, agent.stores.runs.of_incident(incident.id)) == (IncidentState.ESCALATED, [])
    workshop.policy()
    agent.reload(agent.settings, workshop.definitions())
    agent.operator_actions.ask_for_run(incident.id, "mend", ANN)
    drive(agent, lambda: only(agent).state is IncidentState.RECOVERED)
    (run,) = agent.stores.runs.of_incident(incident.id)
    assert run.actor == "ann"


def test_a_request_nobody_answers_ends_with_people_called(workshop, make_agent, inbox):
    """The first contact hears at once, the next one later, then whoever is left to take it: all of them."""
    target(workshop, inbox, "oncall", "lead", "boss")
    workshop.config["notify"]["escalate_to"] = ["boss"]
    contacts = [{"notify": ["oncall"]}, {"notify": ["lead"], "after": "1s"}]
    workshop.policy(
        remediations=[{"id": "ask", "mode": "approve"}],
        approval={"expires": "7s", "contacts": contacts},
    )
    agent = make_agent()
    workshop.break_host("web1")
    until(agent, ASKED)
    agent.notifier.deliver()
    assert inbox.titles() == ["[opsmend] may I?: It is broken: web1"]
    assert "mend on web1" in inbox.messages[0]["message"]
    drive(agent, lambda: agent.notifier.deliver() or len(inbox.messages) == 5)
    incident = only(agent)
    assert (incident.state, incident.reason) == (IncidentState.ESCALATED, Reason.APPROVAL_EXPIRED)
    assert inbox.titles()[1:] == [
        "[opsmend] may I?: It is broken: web1",
        *["[opsmend] for you: It is broken: web1"] * 3,
    ]


def test_the_story_has_what_was_tried_a_chart_and_links(workshop, make_agent, inbox, prometheus):
    target(workshop, inbox, "boss")
    workshop.config["notify"]["escalate_to"] = ["boss"]
    workshop.remediation("mend", [{"name": "Nothing", "ansible.builtin.debug": {"msg": "hi"}}])
    agent = make_agent()
    workshop.break_host("web1")
    until(agent, IncidentState.ESCALATED)
    agent.notifier.deliver()
    (message,) = inbox.messages
    for said in (
        "broken on web1 (confidence 0.90)",
        "mend on web1: succeeded, not recovered",
        "0 before, 0 after",
        "opsmend incident show 1",
        f"{prometheus.url}/graph?g0.expr=test_healthy",
    ):
        assert said in message["message"]
    (chart,) = message["attachments"]
    assert base64.b64decode(chart["base64"]).startswith(b"\x89PNG")


def test_a_message_that_is_not_taken_is_tried_again(workshop, make_agent, inbox):
    target(workshop, inbox, "boss")
    workshop.config["notify"]["escalate_to"] = ["boss"]
    workshop.policy(remediations=[])
    agent = make_agent()
    inbox.refusing = True
    workshop.break_host("web1")
    incident = until(agent, IncidentState.ESCALATED)
    agent.notifier.deliver()
    (waiting,) = agent.stores.notifications.of_incident(incident.id)
    assert (waiting.state, waiting.attempts) == ("waiting", 1)
    assert "did not take" in waiting.error
    assert timedelta(seconds=5) < waiting.due_at - datetime.now(UTC) < timedelta(minutes=1)


def test_a_storm_stops_everything_and_calls_people_once(workshop, make_agent, inbox):
    target(workshop, inbox, "boss")
    workshop.config["notify"]["escalate_to"] = ["boss"]
    workshop.policy(guards={"storm": {"incidents": 3, "within": "5m"}})
    agent = make_agent()
    for host in workshop.hosts:
        workshop.break_host(host)
    drive(agent, lambda: len(agent.stores.incidents.list([IncidentState.HELD])) == 3)
    for _ in range(3):
        agent.pipeline.poll()
    agent.notifier.deliver()
    assert inbox.titles() == [f"[opsmend] storm: {agent.stores.incidents.get(1).title}"]
    assert {one.reason for one in agent.stores.incidents.list()} == {Reason.STORM}
    assert not any(agent.stores.runs.of_incident(number) for number in (1, 2, 3))


def test_an_incident_waits_for_the_end_of_a_maintenance_window(workshop, make_agent):
    now = datetime.now(UTC)
    window = {
        "id": "move",
        "from": (now - timedelta(minutes=1)).isoformat(),
        "until": (now + timedelta(seconds=20)).isoformat(),
    }
    workshop.policy(windows=[window])
    agent = make_agent()
    workshop.break_host("web1")
    held = until(agent, IncidentState.HELD)
    assert held.reason is Reason.MAINTENANCE_WINDOW
    assert held.detail.startswith("move, until ")
    drive(agent, settled(agent.stores))
    (run,) = agent.stores.runs.of_incident(held.id)
    assert (only(agent).state, run.created_at >= now + timedelta(seconds=20)) == (
        IncidentState.RECOVERED,
        True,
    )


@pytest.mark.parametrize(
    ("limits", "guards", "reason"),
    [
        ({"cooldown": "1h", "per_day": 100}, {}, Reason.COOLDOWN),
        ({"cooldown": "0s", "per_day": 1}, {}, Reason.DAILY_LIMIT),
        ({"cooldown": "0s", "per_day": 9}, {"flapping": {"times": 1, "within": "1h"}}, Reason.FLAPPING),
    ],
)
def test_what_ran_before_a_restart_counts_after_it(workshop, make_agent, limits, guards, reason):
    workshop.policy(guards={"storm": {"incidents": 1000}, "flapping": {"times": 100}, **guards})
    workshop.remediation("mend", MEND, limits=limits)
    first = make_agent()
    workshop.break_host("web1")
    drive(first, settled(first.stores))
    drive(first, lambda: not only(first).symptomatic)
    first.responder.stop()
    again = make_agent()
    workshop.break_host("web1")
    # what passes is waited for, what does not is for people
    state = IncidentState.ESCALATED if reason is Reason.FLAPPING else IncidentState.HELD
    drive(again, lambda: [one.reason for one in again.stores.incidents.list([state])] == [reason])
    (refused,) = again.stores.incidents.list([state])
    assert bool(refused.waits_until) is (state is IncidentState.HELD)
    assert again.stores.runs.of_incident(refused.id) == []


def test_a_pause_outlives_a_restart(workshop, make_agent):
    first = make_agent()
    first.operator_actions.pause(ANN, "deploy")
    first.responder.stop()
    again = make_agent()
    workshop.break_host("web1")
    held = until(again, IncidentState.HELD)
    assert (held.reason, "deploy" in held.detail) == (Reason.PAUSED, True)
    again.operator_actions.resume(BOB)
    drive(again, settled(again.stores))
    assert only(again).state is IncidentState.RECOVERED


def test_three_failures_open_the_circuit(workshop, make_agent):
    workshop.policy(guards={"circuit": {"failures": 2, "reset": "1h"}, "storm": {"incidents": 1000}})
    workshop.remediation("mend", [{"name": "Fail", "ansible.builtin.fail": {"msg": "no"}}])
    agent = make_agent()
    for host in ("web1", "web2"):
        workshop.break_host(host)
        count = len(agent.stores.incidents.list()) + 1
        drive(agent, settled(agent.stores, count))
    workshop.break_host("web3")
    drive(agent, lambda: agent.stores.incidents.list([IncidentState.HELD]))
    (last,) = agent.stores.incidents.list([IncidentState.HELD])
    assert (last.entity, last.reason) == ("web3", Reason.CIRCUIT_OPEN)
    assert (agent.stores.runs.of_incident(last.id), last.waits_until is not None) == ([], True)


def test_people_see_what_check_mode_would_do_before_they_decide(workshop, make_agent, inbox):
    """On the page and in the command; in a chat only where the chat is trusted with lines of files."""
    (workshop.folder / "conf").write_text("customer = Erika Mustermann\n")
    copy = {"content": "customer = none\n", "dest": f"{workshop.folder}/conf", "mode": "0644"}
    contacts = [{"notify": ["chat", "vault_room"]}]
    workshop.policy(remediations=[{"id": "ask", "mode": "approve"}], approval={"contacts": contacts})
    workshop.remediation("mend", [{"name": "C", "ansible.builtin.copy": copy}, *MEND], check_mode=True)
    target(workshop, inbox, "chat", "vault_room")
    workshop.config["notify"]["targets"]["vault_room"]["previews"] = True
    agent = make_agent()
    workshop.break_host("web1")
    incident = until(agent, ASKED)
    drive(agent, lambda: agent.stores.approvals.newest(incident.id).preview)
    preview = agent.stores.approvals.newest(incident.id).preview
    assert "# step go" in preview
    assert "changed: [web1]" in preview
    assert "-customer = Erika Mustermann" in preview
    agent.notifier.deliver()
    chat, vault_room = sorted((one["message"] for one in inbox.messages), key=len)
    assert "yes needed" in chat
    assert "Erika" not in chat
    assert "-customer = Erika Mustermann" in vault_room
    assert (workshop.broken / "web1").exists()


def test_a_healed_host_beside_a_sick_one_makes_it_surer_that_the_run_did_it(workshop, make_agent):
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    workshop.break_host("web2")
    drive(agent, settled(agent.stores))
    (run,) = agent.stores.runs.of_incident(only(agent).id)
    assert 0 < run.attribution.sure <= 1
    assert run.attribution.text
