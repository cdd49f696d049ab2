"""Each guard, with an attempt to get past it."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.config.policyfile import PolicyFile
from agent.decide.guards import GUARDS, Question, find_objection
from agent.reasons import Reason
from agent.records import Harm, NotNow, Pause, PauseScope
from agent.records.forecasts import Remaining
from tests.make import NOW, Past, host, plan, remediation_file, trial

WEB = {
    name: host(name, "all", "web", "north", opsmend_environment="production")
    for name in ("web1", "web2", "web3", "web4", "web5")
}


def ask(
    *,
    limits=None,
    rule=None,
    guards=None,
    windows=(),
    now=NOW,
    pauses=(),
    of=None,
    hosts=WEB,
    risk="low",
    prevents=None,
    **more,
):
    policy = PolicyFile.model_validate(
        {
            "roles": {},
            "remediations": [{"id": "r", "mode": "auto", **(rule or {})}],
            "guards": guards or {},
            "windows": list(windows),
        }
    )
    own = {
        name: more.pop(name) for name in ("override_cooldown", "repeats", "harm", "foreseen") if name in more
    }
    question = Question(
        plan=of or plan(),
        file=remediation_file(
            limits=limits or {"cooldown": "0s", "per_day": 100}, risk=risk, prevents=prevents or {}
        ),
        rule=policy.remediations[0],
        policy=policy,
        hosts=hosts,
        history=Past(**more),
        pauses=pauses,
        now=now,
        **own,
    )
    found = find_objection(question)
    if found is None:
        return None
    # what passes says when, as far as that is known; the rest is for people
    return (found.reason, found.until) if isinstance(found, NotNow) else (found.reason, "never")


def minutes(count):
    return timedelta(minutes=count)


def test_nothing_to_object_to():
    assert ask() is None


def test_there_are_thirteen_of_them_in_this_order():
    names = [guard.__name__.strip("_") for guard in GUARDS]
    assert names == [
        "pause",
        "window",
        "storm",
        "flapping",
        "circuit",
        "canary",
        "cooldown",
        "daily_limit",
        "blast_radius",
        "healthy_share",
        "host_busy",
        "harm",
        "too_early",
    ]


class TestPauses:
    def paused(self, until=None, **scope):
        return Pause(id=1, since=NOW, until=until, actor="ann", why="", scope=PauseScope(**scope))

    def test_a_pause_of_everything_holds_until_its_end(self):
        assert ask(pauses=[self.paused()]) == (Reason.PAUSED, None)
        assert ask(pauses=[self.paused(until=NOW + minutes(5))]) == (Reason.PAUSED, NOW + minutes(5))

    @pytest.mark.parametrize(
        ("scope", "held"),
        [
            ({"hosts": ("web1",)}, True),
            ({"hosts": ("10.0.0.1",)}, True),  # whatever the host is called
            ({"hosts": ("WEB1.",)}, True),
            ({"hosts": ("web2",)}, False),
            ({"groups": ("web",)}, True),
            ({"groups": ("db",)}, False),
            ({"faults": ("down",)}, True),
            ({"faults": ("full",)}, False),
            ({"remediations": ("restart",)}, True),
            ({"remediations": ("reboot",)}, False),
            ({"hosts": ("web1",), "faults": ("full",)}, False),
            ({"hosts": ("web2", "web1"), "faults": ("down", "full")}, True),
        ],
    )
    def test_a_pause_of_some_holds_what_fits_all_that_it_names(self, scope, held):
        of = plan(names=("10.0.0.1", "web1"), groups=("web",))
        assert bool(ask(of=of, pauses=[self.paused(**scope)])) is held

    def test_one_host_of_several_is_enough(self):
        of = plan(hosts=("web1", "web2"), groups=("web",))
        assert ask(of=of, pauses=[self.paused(hosts=("web2",))]) == (Reason.PAUSED, None)


def test_a_busy_host_waits():
    assert ask(busy=["ssh web1 port 22"]) == (Reason.HOST_BUSY, None)
    assert ask(busy=["web2"]) is None


def test_two_names_of_one_machine_share_its_lock():
    of = plan(hosts=("web1",), identities={"web1": "ssh://10.0.0.1:"})
    assert ask(of=of, busy=["ssh://10.0.0.1:"]) == (Reason.HOST_BUSY, None)


class TestCooldown:
    LIMITS = {"cooldown": "30m"}

    def test_lasts_to_the_second_and_says_until_when(self):
        at = NOW - timedelta(minutes=29, seconds=59)
        assert ask(limits=self.LIMITS, starts={"restart": [at]}) == (Reason.COOLDOWN, at + minutes(30))
        assert ask(limits=self.LIMITS, starts={"restart": [NOW - minutes(30)]}) is None
        assert ask(limits=self.LIMITS, starts={"other": [NOW]}) is None

    def test_a_start_in_the_future_still_cools_down(self):
        """The clock was set back: better too careful."""
        ahead = NOW + timedelta(hours=1)
        assert ask(limits=self.LIMITS, starts={"restart": [ahead]})[0] is Reason.COOLDOWN

    def test_a_person_may_override_it_and_nothing_else(self):
        starts = {"restart": [NOW]}
        assert ask(limits=self.LIMITS, starts=starts, override_cooldown=True) is None
        once = {"cooldown": "30m", "per_day": 1}
        assert ask(limits=once, starts=starts, override_cooldown=True)[0] is Reason.DAILY_LIMIT

    def test_a_run_that_a_crash_cut_short_does_not_keep_itself_from_being_repeated(self):
        assert ask(limits=self.LIMITS, starts={"restart": [NOW]}, repeats={1}) is None
        assert ask(limits=self.LIMITS, starts={"restart": [NOW, NOW]}, repeats={1})[0] is Reason.COOLDOWN


def test_the_daily_limit_counts_24_hours_back_and_passes_with_the_oldest():
    limits = {"cooldown": "0s", "per_day": 2}
    inside = [NOW - timedelta(hours=23), NOW - timedelta(hours=1)]
    assert ask(limits=limits, starts={"restart": inside}) == (Reason.DAILY_LIMIT, NOW + timedelta(hours=1))
    aged = {"restart": [NOW - timedelta(hours=1), NOW - timedelta(hours=25)]}
    assert ask(limits=limits, starts=aged) is None


def test_too_many_hosts_in_a_short_time_wait_until_fewer_were_touched():
    guards = {"blast_radius": {"hosts": 3, "within": "1h"}}
    touched = {"a": NOW - minutes(50), "b": NOW - minutes(20), "c": NOW - minutes(5)}
    assert ask(guards=guards, touched=touched) == (Reason.BLAST_RADIUS, NOW + minutes(10))
    assert ask(guards=guards, touched={"a": NOW, "b": NOW, "ssh web1 port 22": NOW}) is None


def test_a_plan_that_is_too_large_by_itself_is_for_people():
    of = plan(hosts=("web1", "web2", "web3"))
    assert ask(of=of, guards={"blast_radius": {"hosts": 2}}) == (Reason.BLAST_RADIUS, "never")


def test_many_incidents_at_once_stop_everything_until_they_are_old():
    guards = {"storm": {"incidents": 10, "within": "5m"}}
    opened = [NOW - timedelta(seconds=10 * number) for number in range(12)]
    # with the third oldest out of the time nine are left
    assert ask(guards=guards, opened=opened) == (Reason.STORM, opened[9] + minutes(5))
    assert ask(guards=guards, opened=opened[:9]) is None


def test_a_fault_that_comes_back_again_and_again_is_for_people():
    guards = {"flapping": {"times": 3, "within": "2h"}}
    assert ask(guards=guards, recoveries=3) == (Reason.FLAPPING, "never")
    assert ask(guards=guards, recoveries=2) is None


class TestCircuitBreaker:
    def bad(self, *minutes_ago, **fields):
        return [trial(healed=False, minutes_ago=ago, **fields) for ago in minutes_ago]

    def ask(self, *trials, **circuit):
        return ask(trials=trials, guards={"circuit": circuit}, rule={"canary": False})

    def test_three_failures_open_it_until_the_reset_time_is_over(self):
        assert self.ask(*self.bad(1, 2, 3)) == (Reason.CIRCUIT_OPEN, NOW + minutes(59))

    def test_a_success_among_the_last_three_keeps_it_closed(self):
        assert self.ask(*self.bad(1), trial(healed=True, minutes_ago=2), *self.bad(3, 4)) is None

    def test_two_are_not_three(self):
        assert self.ask(*self.bad(1, 2)) is None

    def test_what_is_under_way_may_fail_too(self):
        """Before its first verdict a bad remediation reaches no more hosts than may fail."""
        assert self.ask(trial(), trial(), trial()) == (Reason.CIRCUIT_OPEN, None)
        assert self.ask(trial(), *self.bad(1, 2)) == (Reason.CIRCUIT_OPEN, None)
        assert self.ask(trial(), *self.bad(1)) is None

    def test_after_the_reset_time_one_may_try_and_no_more(self):
        assert self.ask(*self.bad(61, 62, 63)) is None
        assert self.ask(trial(), *self.bad(61, 62, 63)) == (Reason.CIRCUIT_OPEN, None)
        assert self.ask(*self.bad(1, 62, 63)) == (Reason.CIRCUIT_OPEN, NOW + minutes(59))

    @pytest.mark.parametrize(
        "other", [{"fault": "full"}, {"groups": frozenset({"db"})}], ids=["fault", "kind of host"]
    )
    def test_failures_elsewhere_count_only_where_it_is_pooled(self, other):
        of = plan(groups=("web",))
        failed = self.bad(1, 2, 3, **{"groups": frozenset({"web"}), **other})
        rule = {"canary": False}
        assert ask(of=of, trials=failed, rule=rule) is None
        pooled = {"circuit": {"pooled": True}}
        assert ask(of=of, trials=failed, rule=rule, guards=pooled)[0] is Reason.CIRCUIT_OPEN

    def test_hosts_of_one_group_are_of_one_kind_whatever_else_they_are_in(self):
        of = plan(groups=("north", "web"))
        failed = [*self.bad(1, 2, groups=frozenset({"south", "web"})), *self.bad(3)]
        assert ask(of=of, trials=failed, rule={"canary": False})[0] is Reason.CIRCUIT_OPEN


class TestCanary:
    def test_the_first_of_several_hosts_tries_it(self):
        assert ask(trials=[trial()]) == (Reason.CANARY, None)

    def test_its_own_host_waits_for_itself_no_longer_than_the_lock_says(self):
        assert ask(trials=[trial(machines=frozenset({"ssh web1 port 22"}))]) is None

    def test_another_fault_or_a_rule_without_canary_waits_for_nobody(self):
        assert ask(trials=[trial(fault="full")]) is None
        assert ask(trials=[trial()], rule={"canary": False}) is None

    def test_a_recovery_of_late_by_the_same_files_proves_it_for_the_rest(self):
        assert ask(trials=[trial(), trial(healed=True)]) is None
        assert ask(trials=[trial(), trial(healed=True, minutes_ago=61)])[0] is Reason.CANARY
        assert ask(trials=[trial(), trial(healed=True, digest="old")])[0] is Reason.CANARY

    def test_a_failure_since_then_takes_the_proof_away(self):
        known = [trial(), trial(healed=False, minutes_ago=1), trial(healed=True, minutes_ago=2)]
        assert ask(trials=known)[0] is Reason.CANARY


class TestHealthyShare:
    RULE = {"minimum_healthy": 0.5}

    def test_enough_others_are_well(self):
        assert ask(rule=self.RULE, troubled=["web1", "web2", "web3"]) is None

    def test_too_few_others_are_well(self):
        assert ask(rule=self.RULE, troubled=["web2", "web3", "web4"]) == (Reason.HEALTHY_SHARE, None)

    @pytest.mark.parametrize("said", ["WEB4.", "web4:9100", "web4.lan"])
    def test_a_host_in_trouble_counts_however_a_label_writes_it(self, said):
        known = {name: host(name, "all", "web", opsmend_host_suffixes=["lan"]) for name in WEB}
        troubled = ["web2", "web3", said]
        assert ask(rule=self.RULE, troubled=troubled, hosts=known) == (Reason.HEALTHY_SHARE, None)

    def test_a_host_under_repair_counts_as_not_well(self):
        busy = [WEB["web4"].identity]
        assert ask(rule=self.RULE, troubled=["web2", "web3"], busy=busy) == (Reason.HEALTHY_SHARE, None)

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
        expected = (Reason.MAINTENANCE_WINDOW, datetime(2026, 1, 4, 6, tzinfo=UTC)) if held else None
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
        assert ask(windows=[once]) == (Reason.MAINTENANCE_WINDOW, NOW + timedelta(hours=1))
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

    @pytest.mark.parametrize(
        "when", [{"groups": ["db"]}, {"hosts": ["db1"]}, {"environments": ["production"]}]
    )
    def test_a_window_holds_a_plan_that_touches_one_of_its_hosts(self, when):
        """What restricts is asked of any host: beside a web server the database is no less frozen."""
        hosts = {
            "web1": host("web1", "all", "web", opsmend_environment="test"),
            "db1": host("db1", "all", "db", opsmend_environment="production"),
        }
        always = self.window(cron="* * * * *", when=when)
        both = plan(hosts=("web1", "db1"))
        assert ask(of=both, hosts=hosts, windows=[always])[0] is Reason.MAINTENANCE_WINDOW
        assert ask(of=plan(), hosts=hosts, windows=[always]) is None

    @pytest.mark.parametrize("environment", [None, "", "{{ environment }}", {"__ansible_vault": "x"}, 7])
    def test_a_host_whose_environment_cannot_be_read_may_be_in_any(self, environment):
        given = {} if environment is None else {"opsmend_environment": environment}
        always = self.window(cron="* * * * *", when={"environments": ["production"]})
        hosts = {"web1": host("web1", "all", **given)}
        assert ask(hosts=hosts, windows=[always])[0] is Reason.MAINTENANCE_WINDOW

    def test_of_several_windows_the_one_that_ends_last_counts(self):
        once = {"id": "w", "from": "2026-01-05T11:00:00Z"}
        windows = [
            {**once, "id": "short", "until": "2026-01-05T13:00:00Z"},
            {**once, "id": "long", "until": "2026-01-05T15:00:00Z"},
        ]
        assert ask(windows=windows) == (Reason.MAINTENANCE_WINDOW, NOW + timedelta(hours=3))


class TestHarm:
    """What interrupts or takes away waits until somebody is seen to suffer."""

    NOBODY = Harm(unseen=("web1 answers as fast as ever",))
    SOMEBODY = Harm(seen=("shop on web1 takes 9 s",), unknown=("nothing measures waiting there",))

    @pytest.mark.parametrize("risk", ["medium", "high"])
    def test_what_hurts_nobody_is_left_alone(self, risk):
        assert ask(risk=risk, harm=self.NOBODY) == (Reason.NO_HARM, None)
        assert ask(risk=risk, harm=self.SOMEBODY) is None

    @pytest.mark.parametrize(
        "harm", [Harm(), Harm(unknown=("no samples",)), Harm(unseen=("quiet",), unknown=("no samples",))]
    )
    def test_what_is_not_known_is_no_harm(self, harm):
        assert ask(risk="medium", harm=harm) == (Reason.HARM_UNKNOWN, None)

    def test_what_can_hardly_hurt_needs_none(self):
        assert ask(risk="low", harm=self.NOBODY) is None

    def test_the_policy_may_ask_for_it_always_or_never(self):
        assert ask(risk="low", harm=self.NOBODY, rule={"harm": "required"}) == (Reason.NO_HARM, None)
        assert ask(risk="high", harm=self.NOBODY, rule={"harm": "not_required"}) is None

    def test_a_person_who_asks_knows_why(self):
        assert ask(risk="high", harm=None) is None


class TestForecasts:
    """What is only foreseen has time: less may be done for it, and later."""

    @staticmethod
    def ask(low, minutes_ago=0, prevents=True, **more):
        said = Remaining(at=NOW - minutes(minutes_ago), left=low * 2, low=low, high=low * 3)
        return ask(foreseen=said, prevents={plan().fault: "1h"} if prevents else None, **more)

    def test_a_fault_that_is_there_needs_no_forecast(self):
        assert ask() is None

    def test_a_remediation_that_prevents_nothing_may_not(self):
        assert self.ask(minutes(10), prevents=False) == (Reason.NO_PREVENTION, "never")

    def test_the_lower_bound_decides_and_says_when(self):
        assert self.ask(minutes(90)) == (Reason.TOO_EARLY, NOW + minutes(30))
        assert self.ask(minutes(59)) is None

    def test_time_since_the_forecast_counts(self):
        assert self.ask(minutes(65), minutes_ago=10) is None
        assert self.ask(minutes(75), minutes_ago=10) == (Reason.TOO_EARLY, NOW + minutes(5))

    def test_what_was_not_foreseen_again_of_late_starts_nothing(self):
        assert self.ask(minutes(40), minutes_ago=16) == (Reason.FORECAST_OLD, None)

    def test_a_forecast_of_a_later_time_is_of_another_clock(self):
        assert self.ask(minutes(10), minutes_ago=-5) == (Reason.FORECAST_OLD, None)
