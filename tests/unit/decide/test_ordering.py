"""Tests of which remediation is tried first: what people say, then what came of it, the newest most."""

from __future__ import annotations

import pytest

from agent.decide.match import rank_remediations
from agent.decide.ordering import outcomes, standing_of
from tests.bench.ordering import RULES, regret
from tests.make import Past, candidate, remediation, trial


def ranked(*catalog, trials=None, hosts=None):
    class Record(Past):
        def trials(self, name):
            return (trials or {}).get(name, ())

    fits = rank_remediations(candidate("down"), catalog, Record(), hosts=hosts)
    return [(fit.remediation.name, fit.over) for fit in fits]


def runs(*healed):
    """Make runs, the newest first."""
    return [trial(one, age + 100.0) for age, one in enumerate(healed)]


def test_of_equal_priority_what_helps_of_late_goes_first_however_well_the_other_did_before():
    record = {"old": runs(*[False] * 3, *[True] * 40), "new": runs(*[True] * 3)}
    assert ranked(remediation("old"), remediation("new"), trials=record)[0] == ("new", "")


def test_a_higher_priority_goes_first_until_the_figures_are_clear():
    catalog = (remediation("mine", priority=80), remediation("other", priority=20))
    failed, healed = [False] * 3, [True] * 3
    doubtful = {"mine": runs(*failed, *[True] * 40), "other": runs(*healed)}
    assert ranked(*catalog, trials=doubtful)[0][0] == "mine"
    clear = {"mine": runs(*failed, *failed, *[True] * 40), "other": runs(*healed, *healed)}
    assert ranked(*catalog, trials=clear) == [("other", "mine"), ("mine", "")]


def test_what_was_never_tried_passes_nothing_that_people_put_before_it():
    catalog = (remediation("mine", priority=80), remediation("harsh", priority=20))
    assert ranked(*catalog, trials={"mine": runs(*[False] * 20)})[0][0] == "mine"


def test_runs_on_hosts_of_another_kind_and_for_other_faults_do_not_count():
    here, there = frozenset({"web"}), frozenset({"db"})
    trials = [trial(True, groups=here), trial(False, groups=there), trial(False, fault="hung", groups=here)]
    assert outcomes(trials, "down", here) == [True]
    assert outcomes(trials, "down") == [True, False]  # of a host in no group all that is known counts


@pytest.mark.parametrize(("healed", "low", "high"), [((), 0.0, 1.0), ([True] * 10, 0.79, 1.0)])
def test_the_interval_is_as_wide_as_little_is_known(healed, low, high):
    assert standing_of(healed).interval == pytest.approx((low, high), abs=0.01)


@pytest.mark.parametrize("changes", [False, True])
def test_far_fewer_tries_fail_than_by_chance_and_no_more_than_with_thompson_sampling(changes):
    lost = {
        name: sum(regret(RULES[name], changes, seed, incidents=60) for seed in range(200, 203))
        for name in ("expected (the agent)", "Thompson", "random")
    }
    assert lost["expected (the agent)"] < 0.5 * lost["random"]
    assert lost["expected (the agent)"] <= lost["Thompson"]
