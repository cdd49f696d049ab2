"""Verification: settle, hold, fresh samples only; missing is unknown and never recovered."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import promql_parser
import pytest

from agent.collect import Answer
from agent.errors import SourceUnreachable
from agent.reasons import Reason
from agent.records import Verdict
from agent.verify import Verification, oldest_sample
from tests.make import NOW, remediation_file, run


@dataclass
class Source:
    """A metric source made by hand: one metric with a value and the time of its newest sample."""

    clock: object
    value: float | None = 1.0
    sample_at: datetime | None = None
    values_then: dict[datetime, float] = field(default_factory=dict)
    down: bool = False

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        promql_parser.parse(expression)
        if self.down:
            raise SourceUnreachable("nobody there")
        if at is not None:
            return Answer(0, [{}], [self.values_then[at]]) if at in self.values_then else Answer(0, [], [])
        if self.value is None:
            return Answer(0, [], [])
        if expression.startswith("timestamp("):
            return Answer(0, [{}], [(self.sample_at or self.clock.now()).timestamp()])
        return Answer(0, [{}], [self.value])

    def now(self) -> datetime:
        return self.clock.now()

    def recording_rules(self):
        return {}


@pytest.fixture
def source(clock):
    return Source(clock)


def verification(source, gone=lambda since: True, fresh_after=NOW, **verify):
    file = remediation_file(
        verify={
            "settle": "10s",
            "hold": "30s",
            "within": "2m",
            "checks": [{"query": 'up{host="{host}"}', "equals": 1}, {"anomalies": "closed"}],
            **verify,
        }
    )
    done = run(started_at=NOW - timedelta(seconds=5), ended_at=NOW, fresh_after=fresh_after)
    return Verification(done, file.verify, source, gone, source.clock)


def follow(made, clock, until_s, step_s=5):
    """Look every few seconds and return what was found and when."""
    began = clock.now()
    for second in range(0, until_s + 1, step_s):
        clock.time = began + timedelta(seconds=second)
        found = made.look()
        if found.verdict is not Verdict.PENDING:
            return found, second
    return found, None


def test_recovered_after_settle_and_hold_and_not_before(source, clock):
    made = verification(source)
    clock.move(seconds=1)
    found, after = follow(made, clock, 120)
    assert (found.verdict, found.reason, after) == (Verdict.RECOVERED, Reason.CHECKS_HELD, 40)
    assert all(check.holds for check in found.checks)


def test_a_check_that_fails_once_starts_the_hold_anew(source, clock):
    made = verification(source)
    for second, value in [(10, 1), (20, 1), (30, 0), (35, 1), (60, 1), (66, 1)]:
        clock.time = NOW + timedelta(seconds=second)
        source.value = value
        found = made.look()
    assert found.verdict is Verdict.RECOVERED
    assert found.checks[0].since == NOW + timedelta(seconds=35)


def test_missing_metrics_are_unknown_and_never_recovered(source, clock):
    source.value = None
    found, after = follow(verification(source), clock, 300)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.METRICS_MISSING)
    assert after == 120


def test_samples_from_before_the_run_prove_nothing(source, clock):
    source.sample_at = NOW - timedelta(seconds=1)
    found, _ = follow(verification(source), clock, 300)
    assert found.verdict is Verdict.UNKNOWN
    assert "newer than the run" in found.detail


def test_a_source_that_is_down_is_unknown(source, clock):
    source.down = True
    found, _ = follow(verification(source), clock, 300)
    assert found.verdict is Verdict.UNKNOWN
    assert "nobody there" in found.detail


def test_a_source_that_comes_back_in_time_recovers(source, clock):
    source.down = True
    made = verification(source)
    clock.move(seconds=60)
    assert made.look().verdict is Verdict.PENDING
    source.down = False
    clock.move(seconds=10)
    made.look()
    clock.move(seconds=31)
    assert made.look().verdict is Verdict.RECOVERED


def test_checks_that_keep_failing_are_not_recovered_with_both_numbers(source, clock):
    source.value = 0
    source.values_then[NOW - timedelta(seconds=5)] = 0
    found, after = follow(verification(source), clock, 300)
    assert (found.verdict, after) == (Verdict.NOT_RECOVERED, 120)
    assert "0 before, 0 after" in found.detail


def test_a_number_that_moved_away_from_its_bound_is_worse(source, clock):
    checks = [{"query": 'free{host="{host}"}', "above": 0.15}]
    source.value = 0.01
    source.values_then[NOW - timedelta(seconds=5)] = 0.10
    found, _ = follow(verification(source, checks=checks), clock, 300)
    assert (found.verdict, found.reason) == (Verdict.WORSE, Reason.GOT_WORSE)


@pytest.mark.parametrize(("gone", "verdict"), [(False, Verdict.NOT_RECOVERED), (None, Verdict.UNKNOWN)])
def test_symptoms_have_to_be_gone_and_seen_to_be_gone(source, clock, gone, verdict):
    found, _ = follow(verification(source, gone=lambda since: gone), clock, 300)
    assert found.verdict is verdict


def test_nan_is_no_measurement(source, clock):
    source.value = float("nan")
    found, _ = follow(verification(source), clock, 300)
    assert found.verdict is Verdict.UNKNOWN


def test_a_hold_that_began_in_time_may_finish(source, clock):
    source.value = 0
    made = verification(source)
    clock.move(seconds=100)
    made.look()
    source.value = 1
    for second in (115, 125, 146):
        clock.time = NOW + timedelta(seconds=second)
        found = made.look()
    assert found.verdict is Verdict.RECOVERED


def test_a_first_look_long_after_the_end_still_gives_the_hold_its_time(source, clock):
    made = verification(source)
    clock.move(hours=1)
    assert made.look().verdict is Verdict.PENDING
    clock.move(seconds=31)
    assert made.look().verdict is Verdict.RECOVERED


class TestAbsence:
    CHECKS = [{"query": 'procs{host="{host}"}', "absent": True, "while": 'up{host="{host}"}'}]

    def test_needs_a_living_source(self, clock):
        class Dead(Source):
            def query(self, expression, at=None):
                return Answer(0, [], [])

        found, _ = follow(verification(Dead(clock), checks=self.CHECKS), clock, 300)
        assert found.verdict is Verdict.UNKNOWN

    def test_holds_when_the_source_lives_and_the_series_is_gone(self, clock):
        class Alive(Source):
            def query(self, expression, at=None):
                return Answer(0, [], []) if expression.startswith("procs") else super().query(expression, at)

        made = verification(Alive(clock), checks=self.CHECKS)
        clock.move(seconds=1)
        found, _ = follow(made, clock, 300)
        assert found.verdict is Verdict.RECOVERED


class Partial(Source):
    """Says of every answer that it is not whole."""

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        return replace(super().query(expression, at), partial="a store is down")


@pytest.mark.parametrize(
    "checks",
    [
        [{"query": 'up{host="{host}"}', "equals": 1}],
        [{"query": 'procs{host="{host}"}', "absent": True, "while": 'up{host="{host}"}'}],
    ],
)
def test_an_answer_in_part_proves_nothing(clock, checks):
    found, _ = follow(verification(Partial(clock), checks=checks), clock, 300)
    assert found.verdict is Verdict.UNKNOWN
    assert "store is down" in found.detail or "nothing proves" in found.detail


class PartialTimes(Source):
    """Says of times only that they are not whole: a store goes away between two questions."""

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        found = super().query(expression, at)
        return replace(found, partial="a store is down") if "timestamp(" in expression else found


def test_how_old_samples_are_is_not_known_from_a_part_of_them(clock):
    checks = [{"query": 'up{host="{host}"}', "equals": 1}]
    found, _ = follow(verification(PartialTimes(clock), checks=checks), clock, 300)
    assert found.verdict is Verdict.UNKNOWN
    assert "store is down" in found.detail


@pytest.mark.parametrize(
    ("value", "more", "verdict"),
    [
        (2.0**64, {"unit": "ratio"}, Verdict.UNKNOWN),
        (2.0**64, {}, Verdict.UNKNOWN),
        (-0.5, {"unit": "ratio"}, Verdict.UNKNOWN),
        (7.0, {"valid": {"max": 4}}, Verdict.UNKNOWN),
        (0.5, {"unit": "ratio"}, Verdict.RECOVERED),
    ],
)
def test_an_impossible_value_proves_nothing(source, clock, value, more, verdict):
    source.value = value
    bound = {"below": 0.2} if value < 0 else {"above": 0.2}
    made = verification(source, checks=[{"query": 'free{host="{host}"}', **bound, **more}])
    clock.move(seconds=1)
    assert follow(made, clock, 300)[0].verdict is verdict


class Recorder:
    """Remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        self.asked.append(expression)
        return Answer(0, [{}], [5.0])

    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ('a{x="1"} / b', ['timestamp(a{x="1"})', "timestamp(b{})"]),
        ('sum(rate(a{x=~"y.*"}[5m]))', ['timestamp(a{x=~"y.*"})']),
        ("a - a offset 1h", ["timestamp(a{})"]),
        ("a > bool 0 or vector(0)", ["timestamp(a{})"]),
        ('{__name__="a",x!="q\\"}"}', ['timestamp({__name__="a",x!="q\\"}"})']),
        ("max_over_time(a[5m:15s])", ["timestamp(a{})"]),
    ],
)
def test_freshness_asks_for_the_time_of_every_selector(expression, asked):
    source = Recorder()
    oldest_sample(source, expression)
    assert source.asked == asked
    for query in asked:
        promql_parser.parse(query)


class Some:
    """A source in which only some metrics have samples, each as old as it says."""

    def __init__(self, **ages_s: float) -> None:
        self.ages_s = ages_s

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        name = expression.removeprefix("timestamp(").partition("{")[0]
        times = [NOW.timestamp() - self.ages_s[name]] if name in self.ages_s else []
        return Answer(0, [{} for _ in times], times)

    def now(self) -> datetime:
        return NOW


@pytest.mark.parametrize(
    ("expression", "age_s"),
    [
        ("a or b", 10),
        ("a or gone", 10),
        ("gone or on (instance) b / c", 3),
        ("(gone or a) + c", 10),
        ("a + gone", None),
        ("gone or gone", None),
        ("gone or vector(0)", None),  # a number proves nothing
        ("vector(1)", None),
        ("a unless gone", None),
        ("b - max_over_time(gone[5m:1m] offset 1h)", 2),
    ],
)
def test_of_alternatives_those_with_samples_are_enough_and_of_all_else_everything(expression, age_s):
    found = oldest_sample(Some(a=10, b=2, c=3), expression)
    assert found == (None if age_s is None else NOW - timedelta(seconds=age_s))


class TestClocks:
    """How long something lasted is told by the monotonic clock alone."""

    @pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(hours=-1), timedelta(days=1)])
    def test_a_clock_that_is_set_neither_stops_nor_ends_a_verification(self, clock, jump):
        class Jumping(Source):
            def now(self):
                return super().now() - self.jumped if hasattr(self, "jumped") else super().now()

        clock.monotonic = lambda: clock.ticks_s
        clock.ticks_s = 0.0
        source = Jumping(clock, sample_at=NOW + timedelta(days=3))
        made = verification(source)
        clock.time, source.jumped = NOW + jump, jump
        seen = []
        for clock.ticks_s in (5.0, 11.0, 30.0, 40.0, 41.5):
            seen.append(made.look().verdict)
        assert seen == [Verdict.PENDING] * 4 + [Verdict.RECOVERED]

    def test_a_run_whose_end_the_source_did_not_see_counts_from_the_first_answer(self, source, clock):
        made = verification(source, fresh_after=None)
        source.sample_at = NOW
        assert follow(made, clock, 300)[0].verdict is Verdict.UNKNOWN  # what it had then is not newer
        clock.time = NOW
        source.sample_at = None
        clock.move(seconds=1)
        made = verification(source, fresh_after=None)
        assert follow(made, clock, 60)[0].verdict is Verdict.RECOVERED


class TestHopeless:
    """What cannot come true any more is not waited for."""

    WHEN = [{"query": 'state{host="{host}",state="failed"}', "equals": 1}]

    def failing(self, clock, sample_at=None):
        class Failed(Source):
            def query(self, expression, at=None):
                answer = super().query(expression, at)
                up = expression.startswith("up")
                return replace(answer, values=[0.0] * len(answer.values)) if up else answer

        return Failed(clock, sample_at=sample_at)

    def test_ends_it_at_once_also_before_it_has_settled(self, clock):
        made = verification(self.failing(clock), hopeless_when=self.WHEN)
        clock.move(seconds=1)
        found = made.look()
        assert (found.verdict, found.reason) == (Verdict.NOT_RECOVERED, Reason.CHECKS_HOPELESS)
        assert 'state="failed"' in found.detail
        assert found.checks[0].holds is False

    def test_a_sample_from_before_the_end_of_the_run_says_nothing(self, clock):
        made = verification(self.failing(clock, sample_at=NOW), hopeless_when=self.WHEN)
        clock.move(seconds=1)
        assert made.look().verdict is Verdict.PENDING
