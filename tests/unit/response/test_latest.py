"""What tells of symptoms by itself is gone only when its source was read beyond the moment in question."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.records import Alert, Arrivals, Moment
from agent.response import LatestView, View
from tests.make import NOW, candidate, frame, incident, symptom

LATER = NOW + timedelta(minutes=1)


def shown(kind, read_until, expired=(), clock=None, **labels):
    """Return what is concluded a minute after a run of symptoms of a kind that nobody sees any more."""
    told = replace(symptom("web1"), kind=kind, source="Broken", labels={"host": "web1", **labels})
    sick = incident(candidate("down", "web1", symptoms=(told,)), id=7)
    view = LatestView(clock)
    arrivals = Arrivals(now=LATER, read_until=read_until, expired_alerts=expired)
    seen = replace(frame({("up", "host=web1"): [1, 1]}), at=LATER)
    view.set(View(frame=seen, arrivals=arrivals, kept=frozenset({7})))
    return view.symptoms_gone(sick, Moment(NOW, NOW))


@pytest.mark.parametrize("kind", ["log", "event", "alert"])
def test_read_beyond_the_run_and_not_seen_is_gone(clock, kind):
    assert shown(kind, {kind: LATER}, clock=clock) is True


@pytest.mark.parametrize("kind", ["log", "event", "alert"])
def test_not_read_since_the_run_is_not_known(clock, kind):
    assert shown(kind, {kind: NOW}, clock=clock) is None
    assert shown(kind, {}, clock=clock) is None


def test_an_alert_that_only_expired_proves_nothing(clock):
    labels = {"alertname": "Broken", "host": "web1"}
    expired = Alert(
        fingerprint="f", name="Broken", labels=labels, annotations={}, starts_at=NOW, received_at=NOW,
        resolved_at=LATER,
    )  # fmt: skip
    assert shown("alert", {"alert": LATER}, (expired,), clock=clock, alertname="Broken") is None
