"""Whether anybody suffers from what a rule found: somebody, nobody, or nobody can tell."""

import math

import pytest

from agent.config.rulefiles import HarmRule, Rulebook
from agent.diagnose import RuleVoter
from agent.records import Candidate, Diagnosis, Harm
from tests.make import NOW, candidate, frame, rule, signal

SLOW = HarmRule(
    id="slow",
    entity="{host}",
    when={"signal": "latency", "above": 1},
    evidence="{host} takes {latency} s",
    otherwise="{host} is quick",
)
BUSY = {"signal": "busy", "above": 0.8}


def found(series, **fields) -> Candidate:
    rules = {"r": rule(BUSY, **{"entity": "{host}:{name}", "harm": ["slow"], **fields})}
    book = Rulebook({one: signal(one) for one in ("busy", "latency")}, {}, rules, harms={"slow": SLOW})
    seen = {("busy", "host=w1 name=cc1"): [1.0], ("latency", "host=none"): [0.1], **series}
    (one,) = RuleVoter(book).vote(frame(seen)).candidates
    return one


def test_somebody_on_the_same_host_suffers():
    assert found({("latency", "host=w1"): [3.0]}).harm.seen == ("w1 takes 3 s",)


def test_nobody_suffers_where_all_that_shows_it_is_well():
    harm = found({("latency", "host=w1"): [0.1]}).harm
    assert harm == Harm(unseen=("w1 is quick",))
    assert harm.text == "nobody suffers from it: w1 is quick"


def test_those_who_suffer_elsewhere_do_not_suffer_from_it():
    assert not found({("latency", "host=w1"): [0.1], ("latency", "host=w2"): [9.0]}).harm.seen


@pytest.mark.parametrize("samples", [{}, {("latency", "host=w1"): [math.nan]}])
def test_what_is_not_measured_is_not_known(samples):
    harm = found(samples).harm
    assert not harm.seen
    assert harm.unknown == ("nothing measures latency there",)


def test_where_no_rule_says_what_harm_looks_like_nobody_can_tell():
    harm = found({("latency", "host=w1"): [3.0]}, harm=[]).harm
    assert harm == Harm()
    assert "no rule says" in harm.text


def test_what_is_harm_in_itself_needs_no_other_evidence():
    assert found({}, harm="itself").harm.seen == ("seen",)


def test_whoever_suffers_from_an_effect_suffers_from_the_cause():
    quiet = candidate("runaway", "w1:cc1", seen_at=NOW, harm=Harm(unseen=("w1 is quick",)))
    effect = candidate("service_slow", "w1:shop", seen_at=NOW, harm=Harm(seen=("shop is slow",)))
    assert Diagnosis(candidates=(quiet, effect)).harm.seen == ("shop is slow",)


def test_an_effect_that_is_not_seen_any_more_proves_no_harm_now():
    quiet = candidate("runaway", "w1:cc1", seen_at=NOW, harm=Harm(unseen=("w1 is quick",)))
    past = NOW.replace(hour=NOW.hour - 1)
    effect = candidate("service_slow", "w1:shop", seen_at=past, harm=Harm(seen=("shop is slow",)))
    assert not Diagnosis(candidates=(quiet, effect)).harm.seen
