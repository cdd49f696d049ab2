"""An alert that no rule uses is seen by people, with all that it says."""

from datetime import timedelta

from agent.diagnose import RuleVoter
from agent.diagnose.live.unknown_alerts import UnknownAlerts
from agent.records import Alert
from tests.make import NOW, book, frame, rule

NOTHING = frame({("up", "host=web1"): [1]})


def alert(name="RaidDegraded", annotations=None, **labels):
    return Alert(
        fingerprint=name + str(labels),
        name=name,
        labels={"alertname": name, **labels},
        annotations=annotations or {},
        starts_at=NOW - timedelta(minutes=5),
        received_at=NOW,
    )


def found(*alerts, rules=(), ignored=()):
    return RuleVoter(book([], rules), ignored_alerts=ignored).vote(NOTHING, (), alerts).candidates


def test_it_says_everything_that_the_alert_says():
    told = {"summary": "Array md0 is degraded", "runbook_url": "https://wiki/raid"}
    (one,) = found(alert(annotations=told, host="web1", device="md0"))
    assert (one.fault, one.entity) == ("unknown_alert", "RaidDegraded on web1")
    assert one.evidence[1:] == (
        "Array md0 is degraded",
        "runbook: https://wiki/raid",
        "labels: device=md0, host=web1",
    )
    assert one.symptoms[0].since == NOW - timedelta(minutes=5)


def test_an_alert_that_a_rule_asks_for_is_known_also_when_the_rule_wants_more():
    asks = rule({"all": [{"alert": "Raid.*"}, {"alert": "Other", "where": {"host": "x"}}]})
    assert not found(alert(host="web1"), rules=[asks])


def test_an_alert_whose_labels_the_rule_does_not_take_is_not_known():
    asks = rule({"all": [{"alert": "RaidDegraded", "where": {"host": "db.*"}}]})
    assert len(found(alert(host="web1"), rules=[asks])) == 1


def test_several_of_one_name_on_a_host_are_one_and_on_two_hosts_two():
    seen = found(alert(host="a", device="md0"), alert(host="a", device="md1"), alert(host="b"))
    assert sorted((one.entity, len(one.symptoms)) for one in seen) == [
        ("RaidDegraded on a", 2),
        ("RaidDegraded on b", 1),
    ]
    assert "device" not in next(one for one in seen if len(one.symptoms) == 2).labels


def test_without_a_host_its_other_labels_name_it():
    (one,) = found(alert("QueueFull", queue="mails", severity="critical"))
    assert one.entity == "QueueFull (queue=mails)"
    assert not one.identity


def test_heartbeats_are_ignored():
    assert not found(alert("Watchdog"), ignored=("Watchdog",))


def test_what_strangers_write_is_cut_and_cleaned():
    long = {"summary": "x\x1b[31m" + "y" * 20_000}
    (one,) = found(alert(annotations=long, host="web1\x07"))
    assert all(text.isprintable() and len(text) < 600 for text in (*one.evidence, one.entity))


def test_which_alerts_are_unknown_is_told_apart_from_making_incidents_of_them():
    known = UnknownAlerts([rule({"all": [{"alert": "A"}]})], ["W.*"])
    assert [one.name for one in known.among([alert("A"), alert("B"), alert("Watchdog")])] == ["B"]
