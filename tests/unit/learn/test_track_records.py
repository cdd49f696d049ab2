"""Tests of what is known of remediations from their runs, and what could be better."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.learn.remediations import pattern_of, quantile, track_records
from agent.records.attempts import Attempt, AttemptStep

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def attempt(number=0, healed=True, groups=("web",), steps=(("go", 4.0, ""),), **fields):
    defaults = {
        "run_id": number,
        "remediation": "restart",
        "fault": "down",
        "groups": groups,
        "at": NOW + timedelta(minutes=number),
        "healed": healed,
        "worse": False,
        "relapsed": False,
        "seconds": float(number),
        "steps": tuple(
            AttemptStep(name=name, seconds=took, succeeded=not error, error=error)
            for name, took, error in steps
        ),
    }
    return Attempt(**{**defaults, **fields})


def test_hosts_of_another_kind_and_other_faults_have_records_of_their_own():
    some = [attempt(), attempt(groups=("db",)), attempt(fault="hung")]
    assert [(one.fault, one.groups, one.runs) for one in track_records(some)] == [
        ("down", ("db",), 1),
        ("down", ("web",), 1),
        ("hung", ("web",), 1),
    ]


def test_a_record_has_its_interval_its_durations_and_what_did_not_last():
    runs = [attempt(number, healed=number > 2) for number in range(20)]
    runs += [attempt(20, healed=None), attempt(21, healed=False, relapsed=True)]
    (record,) = track_records(runs)
    assert (record.healed, record.runs, record.relapsed) == (17, 21, 1)  # what says nothing is no run of it
    assert (record.low, record.high) == (pytest.approx(0.685, abs=0.01), pytest.approx(0.892, abs=0.01))
    assert (record.p50_s, record.p95_s) == (10.0, 20.0)
    assert record.last_at == NOW + timedelta(minutes=21)


def test_low_success_slow_steps_and_errors_that_come_again_are_opportunities():
    slow = (("look", 2.0, ""), ("wait", 90.0, "no route to 10.0.0.{}, see '/tmp/{}'"))
    runs = [
        attempt(one, healed=one < 4, steps=[(n, t, e.format(one, one)) for n, t, e in slow])
        for one in range(8)
    ]
    (record,) = track_records(runs)
    assert record.opportunities == [
        "it helps 50% of the time, 80% is good",
        "step 'wait' takes 90 s, 98% of the whole",
        "step 'wait' failed 8 times with: no route to <*>.<*>.<*>.<*>, see <*>",
    ]
    assert track_records([replace(runs[7], steps=())])[0].opportunities == []  # of one run nothing is said


@pytest.mark.parametrize(("error", "pattern"), [("", ""), ("code 7\nmore", "code <*>")])
def test_errors_are_alike_but_for_what_differs_each_time(error, pattern):
    assert pattern_of(error) == pattern


def test_a_quantile_is_one_of_the_values():
    assert [quantile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 0.95)] == [1.0, 2.0, 3.0]
