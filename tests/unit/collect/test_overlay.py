"""Reported samples laid on a frame."""

from datetime import timedelta

import numpy as np

from agent.collect.overlay import part_of, with_reported
from agent.records.reports import ReportedSymptom
from tests.make import NOW, frame, signal

SIGNALS = {"up": signal("up"), "free": signal("free", entity="{host}:{mountpoint}")}


def reported(name, value, labels, minutes=1.0):
    since = NOW - timedelta(minutes=minutes)
    return ReportedSymptom(kind="signal", name=name, value=value, labels=labels, since=since)


def test_a_report_stands_in_place_of_the_own_sample_since_it_was_so():
    seen = frame({("up", "host=web1"): [1.0] * 10, ("up", "host=web2"): [1.0] * 10})
    told = with_reported(seen, [reported("up", 0.0, {"host": "web1"})], SIGNALS, NOW)
    row = told.find("up", {"host": "web1"})
    assert told.values[row].tolist() == [1.0] * 5 + [0.0] * 5
    assert told.values[told.find("up", {"host": "web2"})].tolist() == [1.0] * 10
    assert seen.values[seen.find("up", {"host": "web1"})].tolist() == [1.0] * 10


def test_a_series_that_we_do_not_know_is_added():
    seen = frame({("up", "host=web1"): [1.0] * 10})
    told = with_reported(seen, [reported("free", 0.01, {"host": "db1", "mountpoint": "/"})], SIGNALS, NOW)
    row = told.find("free", {"host": "db1", "mountpoint": "/"})
    assert told.series[row].entity == "db1:/"
    assert np.isnan(told.values[row][:5]).all()
    assert told.values[row][5:].tolist() == [0.01] * 5


def test_of_what_was_not_reported_nothing_is_known():
    told = with_reported(frame({}), [reported("free", 0.01, {"host": "db1"}, 20)], SIGNALS, NOW)
    assert told.is_whole("free")
    assert "up" not in told.answered
    assert told.values.shape[1] == 240  # a past, for rules that wait
    assert np.isfinite(told.values[0][-80:]).all()


def test_a_part_of_a_frame_has_the_series_of_its_hosts_and_does_not_change_any_more():
    seen = frame(
        {("up", "host=web1"): [1.0, 0.5], ("up", "host=web2"): [1.0, 1.0], ("up", "job=x"): [3.0, 3.0]}
    )
    part = part_of(seen, {"web1"})
    seen.values[:] = 7.0
    assert {tuple(one.labels.values()) for one in part.series} == {("web1",), ("x",)}
    assert part.values[part.find("up", {"host": "web1"})].tolist() == [1.0, 0.5]
    assert len(part.rows["up"]) == 2
