"""What came again and again without a name becomes a draft of a rule and of a remediation, for people."""

import json
import math
import os
import pwd
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from agent.cli.main import app
from agent.config.retention import RetentionSection
from agent.config.rulefiles import Signal
from agent.diagnose.live.unknown_alerts import UnknownAlerts
from agent.diagnose.live.unknown_faults import UnknownFaults
from agent.errors import NotFoundError, RefusedError
from agent.records import Alert, IncidentState, Person, RunState
from agent.store.retention import Retention
from agent.store.run_requests import answer_request
from tests.make import anomaly, candidate, frame, incident, symptom
from tests.pastruns import keep_run
from tests.plainsite import Site
from tests.servers.history import backfill
from tests.servers.prometheus import serving_blocks

END = math.floor(time.time() / 300) * 300 - 600
WATCHED = [
    {"id": "depth", "summary": "s", "query": "depth", "role": "latency", "bad": "high", "unit": "count"},
    {"id": "errors", "summary": "s", "query": "errors", "role": "errors", "bad": "high"},
]
HAPPENED = [END - hours * 3600 for hours in (60, 36, 12)]
CATALOGUE = [
    {"id": "broken", "summary": "It is broken"},
    {"id": "unknown", "summary": "Nobody knows", "for_people": True},
    {"id": "unknown_alert", "summary": "Nobody knows what it means", "for_people": True},
]


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    made.write(tmp_path / "rules" / "faults.yml", yaml.safe_dump({"faults": CATALOGUE}))
    made.write(tmp_path / "rules" / "signals" / "more.yml", yaml.safe_dump({"signals": WATCHED}))
    return made


@pytest.fixture
def patterns(site, capsys):
    def ask(*arguments):
        words = ["learning", "patterns", *map(str, arguments), "-c", str(site.config)]
        app(words, standalone_mode=False)
        return capsys.readouterr().out

    return ask


def keep(stores, found, began, lasts=timedelta(minutes=20)):
    """Keep an incident that was over after a while, as the agent would have."""
    over = at(began) + lasts
    times = {"opened_at": at(began), "updated_at": over, "last_seen_at": over, "closed_at": over}
    one = incident(found, state=IncidentState.CLEARED, symptomatic=False, **times)
    return stores.incidents.add(replace(one, host=found.labels.get("host", "")), "opsmend")


def raid(stores, began, device="md0", name="RaidDegraded", **labels):
    """Let an alert fire that no rule knows, and keep the incident that the agent makes of it."""
    alert = Alert(
        fingerprint=f"{name}{device}", name=name, starts_at=at(began), received_at=at(began),
        labels={
            "alertname": name, "instance": "db1:9100", "host": "db1", "port": "9100", "device": device,
            **labels,
        },
        annotations={"summary": "a disk of {{ x }} is gone"}, resolved_at=at(began + 1200),
    )  # fmt: skip
    stores.alerts.take([alert], "am", at(began))
    (found,) = UnknownAlerts((), ()).find([alert])
    return keep(stores, found, began)


def say_typed(site, number, text):
    """Say as a person would what was typed for an incident."""
    me = pwd.getpwuid(os.getuid()).pw_name
    policy = {"roles": {"people": {"users": [me], "may": ["feedback"]}}, "remediations": []}
    site.write(site.folder / "rules" / "policy.yml", yaml.safe_dump(policy))
    pasted = site.write(site.folder / "pasted", text)
    words = ["incident", "feedback", str(number), "--by-hand", str(pasted), "-c", str(site.config)]
    app(words, standalone_mode=False)


def test_an_alert_that_nobody_knows_and_that_comes_again_becomes_a_rule_with_its_story(site, patterns):
    stores = site.stores()
    own = [raid(stores, began).id for began in HAPPENED]
    others = [keep(stores, candidate("broken"), began + 7200) for began in HAPPENED]
    stores.close()
    (one,) = json.loads(patterns("--json"))["patterns"]
    assert (one["incidents"], one["times"], one["fault"], one["why_not"]) == (own, 3, "raid_degraded", "")
    assert one["proof"] == {
        "named": 3, "others": len(others), "others_named": [], "healthy_samples": 0, "firings": 3,
        "firings_outside": 0,
    }  # fmt: skip
    out = site.folder / "draft"
    assert "wrote" in patterns(one["id"], "--output", out)
    site.folders([site.folder / "rules", out / "rules"], [site.own])
    for words in (["rules", "check"], ["rules", "test"]):
        app([*words, "-c", str(site.config)], standalone_mode=False)  # they exit where anything is wrong
    with pytest.raises(NotFoundError):
        patterns("00000000")


def test_an_alert_that_is_called_as_a_fault_is_called_is_offered_as_another_one_for_people(site, patterns):
    known = {"id": "raid_degraded", "summary": "A disk of an array is gone"}
    site.write(site.folder / "rules" / "faults.yml", yaml.safe_dump({"faults": [*CATALOGUE, known]}))
    stores = site.stores()
    for began in HAPPENED:
        raid(stores, began)
    stores.close()
    (one,) = json.loads(patterns("--json"))["patterns"]
    assert (one["fault"], one["why_not"]) == ("recurring_raid_degraded", "")
    out = site.folder / "draft"
    patterns(one["id"], "--output", out)
    (fault,) = yaml.safe_load((out / "rules/faults/recurring_raid_degraded.yml").read_text())["faults"]
    assert fault["for_people"]
    assert "raid_degraded:" not in "".join(file.read_text() for file in out.rglob("*.yml"))


def test_nothing_is_offered_where_the_alert_fires_without_an_incident_or_in_others(site, patterns):
    stores = site.stores()
    for began in HAPPENED:
        raid(stores, began)
        raid(stores, began, name="FanSlow")
    stray = Alert(
        fingerprint="x", name="FanSlow", labels={"alertname": "FanSlow"}, annotations={},
        starts_at=at(END - 20 * 3600), received_at=at(END), resolved_at=at(END - 20 * 3600 + 60),
    )  # fmt: skip
    stores.alerts.take([stray], "am", at(END))
    known = symptom("RaidDegraded", kind="alert", labels={"host": "db1", "device": "md0"})
    named = keep(stores, candidate("broken", symptoms=(known,)), END - 80 * 3600)
    stores.close()
    why = {one["fault"]: one["why_not"] for one in json.loads(patterns("--json"))["patterns"]}
    assert why == {
        "raid_degraded": f"it would name 1 of 4 other incidents too ({named.id})",
        "fan_slow": "1 of 4 times its alert fired outside of these incidents",
    }
    (id_,) = [one["id"] for one in json.loads(patterns("--json"))["patterns"] if one["fault"] == "fan_slow"]
    with pytest.raises(RefusedError, match="no draft is offered"):
        patterns(id_, "--output", site.folder / "draft")


def test_nothing_is_offered_by_an_alert_of_which_no_firing_is_kept_any_more(site, patterns):
    stores = site.stores()
    for began in HAPPENED:
        raid(stores, began)
    retention = Retention(stores.database, stores.audit, site.folder / "audit")
    retention.forget(RetentionSection(alerts=timedelta(hours=1)), at(END))
    stores.close()
    (one,) = json.loads(patterns("--json"))["patterns"]
    assert one["why_not"] == "no firing of its alert is kept, so nobody knows when else it fired"


def test_what_people_typed_and_had_run_become_drafts_that_do_nothing_by_themselves(site, patterns, capsys):
    evil = "rm -rf /var/{{ 7 * 7 }}\n$ echo $(touch x) `id` ${HOME} \"'; #\n\x1b[2J"
    stores = site.stores()
    for began in HAPPENED:
        kept = raid(stores, began)
        request = stores.run_requests.add(kept.id, "mend", Person("ann"), at(began))
        run = keep_run(
            stores, at(began + 60), [("go", 4.0, RunState.SUCCEEDED, "")], incident_id=kept.id,
            actor="ann", remediation="mend", fault="unknown_alert",
        )  # fmt: skip
        with stores.transaction() as connection:
            answer_request(connection, request, "started", "", at(began + 60), run.id)
    say_typed(site, kept.id, evil)
    (said,) = stores.audit.list(limit=1)
    assert (said.action, said.subject) == ("feedback", f"incident {kept.id}")
    stores.close()
    capsys.readouterr()
    (one,) = json.loads(patterns("--json"))["patterns"]
    ran, by_hand = one["people"]
    assert "ann had mend run 3 times, and it helped 3 times" in ran["what"]
    assert "+fixes: [broken, raid_degraded]" in ran["diff"]
    assert any("removes files: the risk is high" in note for note in by_hand["notes"])
    out = site.folder / "draft"
    patterns(one["id"], "--output", out)
    folder = out / "playbooks" / "by_hand_raid_degraded"
    metadata = yaml.safe_load((folder / "remediation.yml").read_text())
    assert (metadata["risk"], metadata["fixes"]) == ("high", ["raid_degraded"])
    text = (folder / "playbook.yml").read_text()
    assert text.index("ansible.builtin.fail") < text.index("!unsafe")
    # the agent takes it, for people alone
    site.folders([site.folder / "rules", out / "rules"], [site.own, out / "playbooks"])
    app(["playbooks", "list", "-c", str(site.config)], standalone_mode=False)
    assert not list(site.folder.rglob("x"))


@pytest.fixture(scope="module")
def remembered(tmp_path_factory):
    """A Prometheus that remembers seven days, in three half hours of which one host was in trouble."""
    folder = tmp_path_factory.mktemp("remembered")

    def samples(moment):
        ill = any(began - 900 <= moment < began + 1200 for began in HAPPENED)
        noise = math.sin(moment * 12.9898) * 43758.5453 % 1
        return {
            'depth{instance="web1:9100"}': 80 + 10 * noise if ill else 10 + 10 * noise,
            'depth{instance="web2:9100"}': 10 + 10 * noise,
            'errors{instance="web1:9100"}': 0.5 + noise,
        }

    backfill(folder / "data", samples, range(END - 7 * 86400, END, 300))
    with serving_blocks(folder, folder / "data") as url:
        yield url


def slow(stores, began, **labels):
    """Keep the incident that the agent makes of anomalies that agree and that no rule explains."""
    signals = {one["id"]: Signal(**one) for one in WATCHED}
    own = {"instance": "web1:9100", "host": "web1", "port": "9100", **labels}
    found = [
        anomaly(
            name, entity="web1", labels=own, observed=seen, opened_at=at(began - 400), since=at(began - 600)
        )
        for name, seen in (("depth", 82.0), ("errors", 3.0))
    ]
    moment = frame({("depth", "host=web1"): [1.0]}, at=at(began))
    (named,) = UnknownFaults(signals).find(moment, found, ())
    return keep(stores, named, began)


def test_signals_that_go_where_they_never_are_in_health_become_a_rule(site, patterns, remembered):
    site.prometheus = remembered
    site.folders([site.folder / "rules"], [site.own])
    stores = site.stores()
    for began in HAPPENED:
        slow(stores, began, line="a\nb{{ x }}")
    whose = {"host": "web2", "instance": "web2:9100"}
    well = symptom("depth", value=30.0, direction="high", labels=whose, since=at(END - 80 * 3600))
    keep(stores, candidate("broken", symptoms=(well,)), END - 80 * 3600)
    stores.close()
    (one,) = json.loads(patterns("--json"))["patterns"]
    assert one["why_not"] == ""
    bounds = {bound["signal"]: bound["bound"] for bound in one["bounds"]}
    assert bounds == {"depth": pytest.approx(51, abs=1), "errors": pytest.approx(2.25, abs=0.1)}
    assert (one["proof"]["named"], one["proof"]["others"], one["proof"]["others_named"]) == (3, 1, [])
    assert one["proof"]["healthy_samples"] > 5000
    out = site.folder / "draft"
    patterns(one["id"], "--output", out)
    site.folders([site.folder / "rules", out / "rules"], [site.own])
    app(["rules", "test", "-c", str(site.config)], standalone_mode=False)


def test_without_healthy_time_to_hold_it_against_no_rule_about_signals_is_offered(site, patterns):
    stores = site.stores()
    for began in HAPPENED:
        slow(stores, began)
    stores.close()
    (one,) = json.loads(patterns("--json"))["patterns"]
    assert one["why_not"].startswith(
        "too little healthy time of depth, errors is remembered to tell it from that: "
    )
    assert one["files"] == {}
