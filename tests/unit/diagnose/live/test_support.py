"""What entity models find stands beside a diagnosis, and nothing rests on it."""

from dataclasses import replace

from agent.diagnose.live.support import with_support
from agent.records import Anomaly
from tests.make import NOW, candidate

ANOMALY = Anomaly(
    entity="web1",
    signal="requests",
    labels={"host": "web1"},
    kind="correlated_shift",
    score=4.0,
    confidence=0.9,
    opened_at=NOW,
    since=NOW,
    observed=1.0,
    expected_low=2.0,
    expected_high=3.0,
    contributors=("cpu", "requests"),
    layer="entity",
)


def test_an_anomaly_of_the_same_entity_is_told_beside_the_diagnosis():
    (one,) = with_support([candidate()], [ANOMALY])
    assert one.support == ("web1 as a whole is unlike itself since 12:00:00 UTC, most in requests, cpu",)
    assert replace(one, support=()) == candidate()


def test_an_anomaly_of_the_host_is_told_for_what_runs_there():
    (one,) = with_support([candidate(entity="web1:nginx")], [ANOMALY])
    assert len(one.support) == 1


def test_anomalies_elsewhere_and_of_single_series_are_not_told():
    elsewhere = replace(ANOMALY, entity="db1", labels={"host": "db1"})
    (one,) = with_support([candidate()], [elsewhere, replace(ANOMALY, layer="series")])
    assert one.support == ()
