"""Alerts that senders leave out are asked for, and an end without data is no end."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.collect import Answer
from agent.errors import SourceUnreachable
from agent.store.alerts import AlertStore
from agent.stream import AlertIntake
from tests.make import NOW, frame


class Alerts:
    """What Prometheus knows to fire."""

    def __init__(self):
        self.firing = []
        self.asked = []
        self.down = self.partial = ""

    def query(self, expression, at=None):
        self.asked.append(expression)
        if self.down:
            raise SourceUnreachable(self.down)
        labels = [{"__name__": "ALERTS", "alertstate": "firing", **one} for one in self.firing]
        return Answer(1.0, labels, [1.0] * len(labels), self.partial)


@pytest.fixture
def source():
    return Alerts()


@pytest.fixture
def intake(database, source, monkeypatch):
    monkeypatch.setattr("agent.stream.alerts._ASK_EVERY_S", 0.0)
    return AlertIntake(AlertStore(database), ("replica",), source)


def send(intake, instance="web1:9100", status="firing", **more):
    labels = {"alertname": "HostDown", "cluster": "eu", "instance": instance}
    alert = {"status": status, "labels": labels, "startsAt": NOW.isoformat()}
    group = {"alertname": "HostDown", "cluster": "eu"}
    return intake.take(json.dumps({"alerts": [alert], "groupLabels": group, **more}).encode(), "am", NOW)


def firing(intake):
    return sorted(one.labels["instance"] for one in intake._store.firing())


def test_what_was_left_out_is_asked_of_the_source_and_ends_there(intake, source):
    assert send(intake, truncatedAlerts=1).truncated == 1
    assert not intake.whole
    source.firing = [{"alertname": "HostDown", "instance": name} for name in ("web1:9100", "web2:9100")]
    intake.ask_for_rest(NOW)
    assert firing(intake) == ["web1:9100", "web2:9100"]
    assert intake.whole
    assert 'cluster=~"(eu)?"' in source.asked[0]
    source.firing = source.firing[:1]
    intake.ask_for_rest(NOW + timedelta(minutes=1))
    assert firing(intake) == ["web1:9100"]


@pytest.mark.parametrize("trouble", ["down", "partial"])
def test_while_it_cannot_be_asked_not_all_alerts_are_known(intake, source, trouble):
    send(intake, truncatedAlerts=1)
    setattr(source, trouble, "no store")
    intake.ask_for_rest(NOW)
    assert not intake.whole
    assert "no store" in intake.status()["incomplete"]


def test_nothing_is_asked_where_nothing_was_left_out(intake, source):
    send(intake)
    intake.ask_for_rest(NOW)
    assert source.asked == []
    assert intake.whole


def test_what_is_refused_is_counted_and_said(intake):
    body = json.dumps({"alerts": [3, {"status": "firing", "labels": {"alertname": "A"}}]}).encode()
    found = intake.take(body, "am", NOW)
    assert (found.taken, found.refused) == (1, 1)
    assert "alert 1 of 2" in intake.status()["last_refused"]


@pytest.mark.parametrize(
    ("series", "doubted"),
    [
        ({("exporter_up", "instance=web1:9100"): [1]}, False),
        ({("exporter_up", "instance=web1:9100"): [0]}, True),
        ({("exporter_up", "instance=web2:9100"): [1]}, True),
    ],
)
def test_an_end_because_the_target_is_gone_proves_nothing(intake, series, doubted):
    send(intake)
    send(intake, status="resolved")
    intake.doubt_ends(frame(series))
    assert bool(intake._store.expired_since(NOW - timedelta(hours=1))) is doubted


def test_nor_is_it_doubted_while_nobody_knows_the_targets(intake):
    send(intake)
    send(intake, status="resolved")
    seen = frame({("exporter_up", "instance=web2:9100"): [1]})
    intake.doubt_ends(replace(seen, partial={"exporter_up": "one store is down"}))
    assert intake._store.expired_since(NOW - timedelta(hours=1)) == []
