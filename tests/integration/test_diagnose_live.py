"""Diagnosis in the running loop: the cause is treated, its effects are not, and what helped is remembered."""

import json
from datetime import timedelta

import pytest

from agent.records import Event, IncidentState
from tests.integration.workshop import FAULTS, MEND, RULES, SIGNALS, drive, settled, webhook

LIMPING = {
    "id": "limping_by_metric",
    "fault": "limping",
    "entity": "{host}",
    "confidence": 0.8,
    "when": {"signal": "swift", "below": 0.5},
    "evidence": "{host} limps",
}


@pytest.fixture
def database(workshop):
    """web1 and web2 limp while web3, which they depend on, is broken."""
    swift = {**SIGNALS["signals"][0], "id": "swift", "query": "test_swift"}
    workshop.write("rules/signals/test.yml", {"signals": [*SIGNALS["signals"], swift]})
    limping = {"id": "limping", "summary": "It limps", "passed_on": True}
    workshop.write("rules/faults.yml", {"faults": [*FAULTS["faults"], limping]})
    workshop.write("rules/diagnosis/test.yml", {"rules": [*RULES["rules"], LIMPING]})
    workshop.config["collect"]["topology"] = {"edges": [["web1", "web3"], ["web2", "web3"]]}
    healthy = workshop.prometheus.exporter.live

    def samples():
        limps = (workshop.broken / "web3").exists()
        return healthy() | {f'test_swift{{host="{host}"}}': float(not limps) for host in ("web1", "web2")}

    workshop.prometheus.exporter.live = samples


def test_one_trouble_on_three_hosts_is_one_incident_and_one_run_on_its_cause(workshop, database, make_agent):
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    workshop.break_host("web3")
    drive(agent, settled(agent.stores))
    incidents = agent.stores.incidents.list()
    causes = [one for one in incidents if one.fault == "broken"]
    assert [one.entity for one in causes] == ["web3"]
    assert causes[0].state is IncidentState.RECOVERED
    runs = [run for one in incidents for run in agent.stores.runs.of_incident(one.id)]
    assert [run.plan.hosts for run in runs] == [("web3",)]


def test_a_clear_rule_starts_its_remediation_in_the_poll_that_finds_it(workshop, make_agent):
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    workshop.break_host("web2")
    drive(agent, lambda: agent.stores.incidents.list())
    (incident,) = agent.stores.incidents.list()
    assert incident.state is IncidentState.REMEDIATING
    drive(agent, settled(agent.stores))


def test_a_repair_that_was_proved_is_a_case_of_the_store(workshop, make_agent):
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 2)
    workshop.break_host("web2")
    drive(agent, settled(agent.stores))
    (case,) = agent.stores.cases.proved()
    assert (case.fault, case.helped) == ("broken", ("mend",))
    assert case.fingerprint == {"signal:healthy": 1.0}


def looked_into(agent, incident_id=1):
    return lambda: agent.investigator.idle and agent.stores.investigations.newest(incident_id)


def test_an_incident_is_looked_into_while_the_loop_goes_on(workshop, database, make_agent):
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 12)
    agent.read_topology()
    workshop.break_host("web3")
    drive(agent, settled(agent.stores))
    drive(agent, looked_into(agent))
    found = agent.stores.investigations.newest(1)
    assert (found.error, found.report["root_causes"][0]["entity"]) == ("", "web3")
    assert any(
        "healthy of web3 fell from 1 to 0" in text for text in found.report["root_causes"][0]["evidence"]
    )


def test_an_investigation_knows_what_was_deployed_shortly_before(workshop, make_agent):
    agent = make_agent()
    drive(agent, lambda: agent.pipeline.health.polls >= 12)
    now = agent.clock.now()
    labels = {"host": "web2"}
    deploy = Event(id="1", kind="deploy", at=now - timedelta(seconds=20), message="shop 2.0", labels=labels)
    agent.stores.events.take([deploy], now)
    workshop.break_host("web2")
    drive(agent, settled(agent.stores))
    drive(agent, looked_into(agent))
    (cause, *_) = agent.stores.investigations.newest(1).report["root_causes"]
    assert any("shop 2.0" in text for text in cause["evidence"])


@pytest.fixture
def by_alerts(workshop):
    """Rules that go by alerts alone; web1 and web2 depend on web3, web4 on web5. Nothing is run."""
    limping = {**LIMPING, "id": "limping_by_alert", "when": {"alert": "Limping"}}
    broken = {**RULES["rules"][0], "id": "broken_by_alert", "when": {"alert": "Broken"}}
    workshop.write("rules/diagnosis/test.yml", {"rules": [broken, limping]})
    fault = {"id": "limping", "summary": "It limps", "passed_on": True}
    workshop.write("rules/faults.yml", {"faults": [*FAULTS["faults"], fault]})
    workshop.remediation("mend", MEND, fixes=["broken", "limping"])
    edges = [["web1", "web3"], ["web2", "web3"], ["web4", "web5"]]
    workshop.config["collect"]["topology"] = {"edges": edges}
    workshop.config["agent"]["mode"] = "observe"


def hand_in(agent, *alerts):
    """Hand in one grouped payload of an Alertmanager, as its webhook brings it."""
    body = webhook(*({"labels": {"alertname": name, "host": host}} for name, host in alerts))
    now = agent.clock.now()
    agent.alerts.take(json.dumps(body).encode(), "alertmanager", now)
    agent.pipeline.look_at_alerts()


def told(agent):
    """Return the hosts of each incident that is open, by the host of its cause."""
    return {
        one.entity: sorted(candidate.entity for candidate in one.diagnosis.candidates)
        for one in agent.stores.incidents.list()
    }


def test_a_grouped_payload_is_taken_apart_and_put_together_by_cause(by_alerts, make_agent):
    agent = make_agent()
    agent.pipeline.poll()
    effects = [("Limping", "web1"), ("Limping", "web4"), ("Limping", "web2")]
    hand_in(agent, *effects, ("Broken", "web5"), ("Broken", "web3"))
    assert told(agent) == {"web3": ["web1", "web2", "web3"], "web5": ["web4", "web5"]}


def test_a_second_payload_adds_to_its_trouble_and_a_repeat_changes_nothing(by_alerts, make_agent):
    agent = make_agent()
    agent.pipeline.poll()
    hand_in(agent, ("Limping", "web1"))
    for _ in range(2):
        hand_in(agent, ("Broken", "web3"), ("Broken", "web5"))
    assert told(agent) == {"web3": ["web1", "web3"], "web5": ["web5"]}
