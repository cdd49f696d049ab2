"""Each guard, with an attempt to get past it."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.config.policyfile import PolicyFile
from agent.decide.guards import GUARDS, Question, find_objection
from agent.reasons import Reason
from agent.records import Verdict
from tests.make import NOW, Past, host, plan, remediation_file

WEB = {
    name: host(name, "all", "web", "north", opsmend_environment="production")
    for name in ("web1", "web2", "web3", "web4", "web5")
}


def ask(*, limits=None, rule=None, guards=None, windows=(), now=NOW, paused=None, of=None, **past):
    policy = PolicyFile.model_validate(
        {
            "roles": {},
            "remediations": [{"id": "r", "mode": "auto", **(rule or {})}],
            "guards": guards or {},
            "windows": list(windows),
        }
    )
    question = Question(
        plan=of or plan(),
        file=remediation_file(limits=limits or {"cooldown": "0s", "per_day": 100}),
        rule=policy.remediations[0],
        policy=policy,
        hosts=WEB,
        history=Past(**past),
        paused=paused,
        now=now,
    )
    found = find_objection(question)
    return (found.reason, found.passing) if found else None


def test_nothing_to_object_to():
    assert ask() is None


def test_there_are_ten_of_them_in_this_order():
    names = [guard.__name__.strip("_") for guard in GUARDS]
    assert names == [
        "pause",
        "window",
        "storm",
        "flapping",
        "circuit",
        "cooldown",
        "daily_limit",
        "blast_radius",
        "healthy_share",
        "host_busy",
    ]


def test_a_pause_holds_everything():
    assert ask(paused="paused by ann") == (Reason.PAUSED, True)


def test_a_busy_host_waits():
    assert ask(busy=["web1"]) == (Reason.HOST_BUSY, True)
    assert ask(busy=["web2"]) is None


def test_cooldown_lasts_to_the_second():
    limits = {"cooldown": "30m"}
    early = {"restart": [NOW - timedelta(minutes=29, seconds=59)]}
    assert ask(limits=limits, starts=early) == (Reason.COOLDOWN, False)
    assert ask(limits=limits, starts={"restart": [NOW - timedelta(minutes=30)]}) is None
    assert ask(limits=limits, starts={"other": [NOW]}) is None


def test_a_start_in_the_future_still_cools_down():
    """The clock was set back: better too careful."""
    ahead = {"restart": [NOW + timedelta(hours=1)]}
    assert ask(limits={"cooldown": "30m"}, starts=ahead) == (Reason.COOLDOWN, False)


def test_the_daily_limit_counts_24_hours_back():
    limits = {"cooldown": "0s", "per_day": 2}
    inside = {"restart": [NOW - timedelta(hours=1), NOW - timedelta(hours=23)]}
    assert ask(limits=limits, starts=inside) == (Reason.DAILY_LIMIT, False)
    aged = {"restart": [NOW - timedelta(hours=1), NOW - timedelta(hours=25)]}
    assert ask(limits=limits, starts=aged) is None


def test_too_many_hosts_in_a_short_time():
    guards = {"blast_radius": {"hosts": 3, "within": "1h"}}
    assert ask(guards=guards, touched=["a", "b", "c"]) == (Reason.BLAST_RADIUS, False)
    assert ask(guards=guards, touched=["a", "b", "web1"]) is None


def test_many_incidents_at_once_stop_everything():
    guards = {"storm": {"incidents": 10, "within": "5m"}}
    assert ask(guards=guards, incidents=10) == (Reason.STORM, True)
    assert ask(guards=guards, incidents=9) is None


def test_a_fault_that_comes_back_again_and_again_is_for_people():
    guards = {"flapping": {"times": 3, "within": "2h"}}
    assert ask(guards=guards, recoveries=3) == (Reason.FLAPPING, False)
    assert ask(guards=guards, recoveries=2) is None


class TestCircuitBreaker:
    def verdicts(self, *verdicts, minutes=1):
        return [(verdict, NOW - timedelta(minutes=minutes)) for verdict in verdicts]

    def test_three_failures_open_it(self):
        bad = self.verdicts(Verdict.NOT_RECOVERED, Verdict.WORSE, Verdict.UNKNOWN)
        assert ask(verdicts=bad) == (Reason.CIRCUIT_OPEN, False)

    def test_a_success_among_the_last_three_keeps_it_closed(self):
        assert ask(verdicts=self.verdicts(Verdict.NOT_RECOVERED, Verdict.RECOVERED, Verdict.WORSE)) is None

    def test_two_are_not_three(self):
        assert ask(verdicts=self.verdicts(Verdict.NOT_RECOVERED, Verdict.NOT_RECOVERED)) is None

    def test_after_the_reset_time_one_may_try(self):
        old = self.verdicts(*[Verdict.NOT_RECOVERED] * 3, minutes=61)
        assert ask(verdicts=old) is None
        tried = [(Verdict.NOT_RECOVERED, NOW), *old]
        assert ask(verdicts=tried) == (Reason.CIRCUIT_OPEN, False)


class TestHealthyShare:
    RULE = {"minimum_healthy": 0.5}

    def test_enough_others_are_well(self):
        assert ask(rule=self.RULE, troubled=["web1", "web2", "web3"]) is None

    def test_too_few_others_are_well(self):
        assert ask(rule=self.RULE, troubled=["web2", "web3", "web4"]) == (Reason.HEALTHY_SHARE, False)

    def test_a_host_under_repair_counts_as_not_well(self):
        assert ask(rule=self.RULE, troubled=["web2", "web3"], busy=["web4"]) == (Reason.HEALTHY_SHARE, False)

    def test_trouble_elsewhere_does_not_count(self):
        assert ask(rule=self.RULE, troubled=["db1", "db2", "db3"]) is None


class TestWindows:
    def window(self, **fields):
        return {"id": "w", "cron": "0 2 * * sun", "duration": "4h", **fields}

    @pytest.mark.parametrize(
        ("moment", "held"),
        [
            (datetime(2026, 1, 4, 1, 59, 59, tzinfo=UTC), False),
            (datetime(2026, 1, 4, 2, 0, 0, tzinfo=UTC), True),
            (datetime(2026, 1, 4, 5, 59, 59, tzinfo=UTC), True),
            (datetime(2026, 1, 4, 6, 0, 0, tzinfo=UTC), False),
            (datetime(2026, 1, 5, 3, 0, 0, tzinfo=UTC), False),
        ],
    )
    def test_cron_windows_open_and_close_on_time(self, moment, held):
        expected = (Reason.MAINTENANCE_WINDOW, True) if held else None
        assert ask(windows=[self.window()], now=moment) == expected

    def test_a_window_longer_than_its_interval_is_always_open(self):
        daily = self.window(cron="0 0 * * *", duration="25h")
        for hour in range(24):
            assert ask(windows=[daily], now=datetime(2026, 1, 5, hour, tzinfo=UTC)) is not None

    def test_the_time_zone_counts(self):
        berlin = self.window(timezone="Europe/Berlin")
        assert ask(windows=[berlin], now=datetime(2026, 1, 4, 1, 30, tzinfo=UTC)) is not None
        assert ask(windows=[berlin], now=datetime(2026, 1, 4, 5, 30, tzinfo=UTC)) is None

    def test_a_window_on_the_night_clocks_change_does_not_break(self):
        spring = self.window(cron="30 2 * * *", duration="1h", timezone="Europe/Berlin")
        for minute in range(0, 240, 10):
            ask(windows=[spring], now=datetime(2026, 3, 29, tzinfo=UTC) + timedelta(minutes=minute))

    def test_one_off_windows(self):
        once = {"id": "w", "from": "2026-01-05T11:00:00Z", "until": "2026-01-05T13:00:00+00:00"}
        assert ask(windows=[once]) == (Reason.MAINTENANCE_WINDOW, True)
        assert ask(windows=[once], now=NOW + timedelta(hours=1)) is None

    @pytest.mark.parametrize(
        ("when", "held"),
        [
            ({}, True),
            ({"groups": ["web"]}, True),
            ({"groups": ["db"]}, False),
            ({"environments": ["production"]}, True),
            ({"environments": ["staging"]}, False),
            ({"hosts": ["web1"]}, True),
            ({"remediations": ["restart"], "faults": ["down"], "risk": ["low"]}, True),
            ({"faults": ["else"]}, False),
        ],
    )
    def test_a_window_holds_what_it_is_for(self, when, held):
        always = self.window(cron="* * * * *", when=when)
        assert bool(ask(windows=[always])) is held
