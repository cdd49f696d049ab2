"""Tests of what the figures of steps and hosts suggest, and of what they are too few for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.learn.serialchanges import serial_changes
from agent.learn.stepchanges import step_changes
from agent.records.attempts import Attempt, AttemptStep
from agent.records.changes import NoChange
from tests.make import remediation_file

RETRIES = "retries"
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def tried(took, ends="well", number=1, at=NOW):
    return AttemptStep(
        name="go", seconds=took, succeeded=ends == "well", error="" if ends == "well" else ends,
        number=number, timed_out=ends == "hangs", tells=ends != "canceled", began=at,
    )  # fmt: skip


def run(number, *steps, hosts=("web1",), healed=True, seconds=60.0):
    return Attempt(
        run_id=number, remediation="restart", fault="down", groups=(), at=NOW, healed=healed, worse=False,
        relapsed=False, seconds=seconds, steps=steps, digest="d", hosts=hosts,
    )  # fmt: skip


def changes(attempts, idempotent=True, **step):
    steps = [{"name": "go", "playbook": "go.yml", "timeout": "1m", **step}]
    return list(step_changes(remediation_file(steps=steps, idempotent=idempotent), attempts))


def one(attempts, about="limit", **step):
    said = [(getattr(each, "about", "") or each.what, each) for each in changes(attempts, **step)]
    (change,) = [each for text, each in said if about in text]
    return change


def edits(change):
    return {edit.path[-1]: edit.value for edit in change.edits}


def times(took, count, ends="well"):
    return [run(number, tried(took, ends)) for number in range(count)]


def test_a_limit_that_is_nearly_reached_is_twice_the_95th_percentile():
    change = one(times(40, 10) + times(50, 10))
    assert edits(change) == {"timeout": "2m"}
    assert "20 attempts took 40s (p50), 50s (p95), 50s at the most; 0 ran into the limit of 1m" in change.why


def test_what_hangs_again_and_again_and_else_is_quick_is_ended_sooner():
    change = one(times(4, 30) + times(600, 3, "hangs"), timeout="10m")
    assert edits(change) == {"timeout": "30s"}
    assert "3 ran into the limit of 10m" in change.why


@pytest.mark.parametrize(
    ("attempts", "says"),
    [
        (times(50, 19), "it takes 20"),
        (times(4, 9) + times(60, 30, "hangs"), "9 attempts came to their end and 30 to the limit"),
        (times(14, 20) + times(60, 3, "hangs"), "would change little"),
    ],
)
def test_with_too_few_figures_or_little_to_win_it_says_so(attempts, says):
    found = one(attempts)
    assert isinstance(found, NoChange)
    assert says in found.why


def test_what_is_well_within_its_limit_and_never_hangs_is_left_alone():
    assert changes(times(4, 200)) == []
    assert changes(times(60, 50, "canceled")) == []


def failing_first(count, wait_s, again="well"):
    """Runs that fail, each followed by one that starts a while later on the same host."""
    found = []
    for number in range(count):
        at = NOW + timedelta(hours=number)
        later = at + timedelta(seconds=5 + wait_s)
        found += [run(2 * number, tried(5, "lock held", at=at), healed=False)]
        found += [run(2 * number + 1, tried(5, again, at=later))]
    return found


def test_another_attempt_is_suggested_where_it_helped_soon_after():
    change = one(failing_first(6, 20), RETRIES)
    assert edits(change) == {"retries": 1, "delay": "20s"}
    assert "of 6 failures that another attempt followed soon it helped 6 times" in change.why
    assert edits(one(failing_first(6, 300), RETRIES)) == {"retries": 1, "delay": "1m"}
    assert edits(one(failing_first(6, 20), RETRIES, delay="30s", retries=1)) == {"retries": 2}


@pytest.mark.parametrize(
    ("attempts", "step", "says"),
    [
        (failing_first(4, 20), {}, "it takes 5"),
        (failing_first(6, 3600), {}, "of 0 failures"),
        (failing_first(6, 20, "lock held"), {}, "too seldom"),
        (failing_first(6, 20), {"idempotent": False}, "must not be done twice"),
        (failing_first(6, 20), {"retries": 3}, "there are 3 already"),
    ],
)
def test_retries_are_not_suggested_without_figures_for_them_or_against_the_file(attempts, step, says):
    found = one(attempts, RETRIES, **step)
    assert isinstance(found, NoChange)
    assert says in found.why


def test_retries_that_never_helped_are_taken_away():
    runs = [run(n, tried(5, "no"), tried(30, "no", 2), healed=False) for n in range(10)]
    assert edits(one(runs, RETRIES, retries=1)) == {"retries": 0}
    assert isinstance(one(runs[:9], RETRIES, retries=1), NoChange)


def on_hosts(count, hosts, healed):
    return [run(number, hosts=hosts, healed=healed(number)) for number in range(count)]


def test_hosts_are_taken_one_by_one_where_together_they_do_clearly_worse():
    several = on_hosts(10, ("a", "b"), lambda n: n < 3)
    alone = on_hosts(10, ("a",), lambda n: True)
    (change,) = serial_changes({"go.yml": ["", "1"]}, several + alone)
    assert [(edit.file, edit.path, edit.value) for edit in change.edits] == [("go.yml", (0, "serial"), 1)]
    assert "3 of 10 runs on several hosts at once helped" in change.why
    assert list(serial_changes({"go.yml": [""]}, several + alone[:4])) == []


def test_half_of_the_hosts_at_a_time_where_one_by_one_was_always_good_and_slow():
    several = on_hosts(10, ("a", "b"), lambda n: True)
    (change,) = serial_changes({"go.yml": ["1"]}, several)
    assert [edit.value for edit in change.edits] == ["50%"]
    assert list(serial_changes({"go.yml": ["1"]}, several[:9])) == []
    assert list(serial_changes({"go.yml": [""]}, several)) == []
