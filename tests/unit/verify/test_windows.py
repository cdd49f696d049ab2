"""How far back an answer looks: what is in a window has to lie after the run."""

from datetime import timedelta

import pytest

from agent.collect import Answer
from agent.reasons import Reason
from agent.records import RecordingRule, Verdict
from agent.verify.freshness import find_stale
from agent.verify.windows import longest_window
from tests.make import NOW
from tests.unit.verify.test_verifier import Source, follow, verification

RULES = {
    "traffic": RecordingRule(expression="sum(rate(requests_total[10m]))", interval=timedelta(seconds=30)),
    "job:of:others": RecordingRule(expression="avg_over_time(traffic[5m])", interval=timedelta(seconds=30)),
    "itself": RecordingRule(expression="itself + 1", interval=timedelta(seconds=30)),
}


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [
        ("up", 0),
        ("rate(a[5m])", 5),
        ("sum(rate(a[5m])) / sum(rate(b[15m]))", 15),
        ("max_over_time(rate(a[1m])[10m:])", 11),
        ("rate(a[5m]) / rate(a[1h] offset 1d)", 5),
        ("irate(a[5m])", 0),
        ("last_over_time(max_over_time(a[1h])[5m:])", 65),
        ("irate(a[10m:1m])", 10),
        ("last_over_time(job:errors:rate5m[10m])", 5),
        ("irate(traffic[5m])", 10),
        ("last_over_time(a[5m] offset 1h)", 0),
        ("job:errors:rate5m", 5),
        ("a:recorded", 5),
        ("traffic", 10),
        ("job:of:others", 15),
        ("itself", 0.5),
    ],
)
def test_the_longest_way_back_counts_that_of_recording_rules_too(expression, minutes):
    assert longest_window(expression, RULES) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("recorded", "minutes"), [("traffic", 10), ("job:of:others", 15), ("last_over_time(traffic[5m])", 10)]
)
def test_what_is_recorded_looks_back_from_when_it_was_recorded_whatever_it_is_called(
    clock, recorded, minutes
):
    source = Recorded(clock)  # a minute ago
    run = source.now() - timedelta(minutes=minutes, seconds=50)
    assert "it looks back" in (find_stale(source, recorded, run) or "")
    assert find_stale(source, recorded, run - timedelta(seconds=20)) is None


class Recorded(Source):
    """What is recorded was so a minute ago."""

    def query(self, expression, at=None):
        if expression.startswith("count_over_time("):
            return Answer(0, [{}], [9.0])
        return Answer(0, [{}], [self.clock.now().timestamp() - 60])

    def recording_rules(self):
        return RULES


class Traffic(Source):
    """57 requests a second until the run began, then none: a rate falls as its window moves on."""

    def query(self, expression, at=None):
        if expression.startswith("timestamp("):
            return Answer(0, [{}], [self.clock.now().timestamp()])
        age_s = ((at or self.clock.now()) - NOW).total_seconds()
        return Answer(0, [{}], [57 * max(0.0, 1 - max(age_s, 0) / 300)])


def test_a_rate_over_the_time_before_the_run_proves_no_recovery(clock):
    source = Traffic(clock)
    checks = [{"query": "sum(rate(requests_total[5m]))", "above": 10}]
    found, seconds = follow(verification(source, checks=checks), clock, 900)
    assert (found.verdict, found.reason) == (Verdict.NOT_RECOVERED, Reason.CHECKS_FAILED)
    assert seconds >= 300
