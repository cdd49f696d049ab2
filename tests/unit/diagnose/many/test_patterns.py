"""What many incidents have in common, and what is only chance."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from agent.diagnose.many.impact import measure_impact
from agent.diagnose.many.patterns import (
    IncidentFact,
    binomial_tail,
    find_patterns,
    mann_kendall,
    per_day,
    rayleigh,
)
from tests import make

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=60)


def fact(hours, fault="disk_full", entity="web1", host="web1"):
    return IncidentFact(
        id=1, fault=fault, entity=entity, opened_at=BEGIN + timedelta(hours=hours),
        lasted=timedelta(minutes=10), places=(("host", host),),
    )  # fmt: skip


def firm(facts):
    return [one for one in find_patterns(facts, BEGIN, END) if one.significant]


def test_incidents_at_the_same_hour_of_each_day_are_a_rhythm():
    found = firm([fact(24 * day + 3 + random.Random(day).random()) for day in range(30)])
    assert any(
        one.kind == "rhythm" and "about 0" in one.text and "hour of the day" in one.text for one in found
    )


def test_incidents_that_become_more_are_a_trend():
    days = [day for day in range(60) for _ in range(day // 10)]
    found = firm([fact(24 * day + 7 * number % 24) for number, day in enumerate(days)])
    assert any(one.kind == "trend" and one.value > 0 for one in found)


def test_a_host_with_more_than_its_share_is_named():
    rng = random.Random(2)
    facts = [
        fact(rng.uniform(0, 1400), host="bad" if rng.random() < 0.6 else f"h{number % 9}")
        for number in range(60)
    ]
    assert any(one.kind == "place" and one.subject == "host bad" for one in firm(facts))


def test_what_follows_something_else_within_minutes_is_found_with_its_lag():
    starts = [100 * number + random.Random(number).uniform(0, 50) for number in range(12)]
    facts = [fact(at, "disk_full", "db") for at in starts]
    facts += [fact(at + 0.05, "service_errors", "front") for at in starts]
    found = next(one for one in firm(facts) if one.kind == "together")
    assert found.subject == "disk_full on db → service_errors on front"
    assert "after 180 s" in found.text


def test_two_nightly_jobs_are_not_cause_and_effect():
    rng = random.Random(5)
    nights = [24 * day + 2 for day in range(55)]
    facts = [fact(at + rng.uniform(0, 0.1), "backup_slow", "db") for at in nights]
    facts += [fact(at + rng.uniform(0.1, 0.15), "report_slow", "app") for at in nights]
    found = find_patterns(facts, BEGIN, END)
    assert not any(one.significant for one in found if one.kind == "together")
    assert any(one.significant for one in found if one.kind == "rhythm")


def test_a_host_with_many_services_has_many_incidents_and_is_not_named_for_that():
    rng = random.Random(6)
    entities = [("big", f"s{number}") for number in range(12)] + [(f"h{n}", f"t{n}") for n in range(6)]
    facts = []
    for _ in range(120):
        host, entity = rng.choice(entities)
        facts.append(fact(rng.uniform(0, 1400), entity=entity, host=host))
    assert not any(one.kind == "place" for one in firm(facts))


def test_one_bad_day_is_neither_a_rhythm_nor_a_bad_place():
    facts = [fact(300 + number / 10, host="web1") for number in range(20)]
    facts += [fact(hours, host=f"h{number}") for number, hours in enumerate((5, 430, 800, 1111, 1400))]
    assert firm(facts) == []


@pytest.mark.parametrize(("days", "kinds"), [(2, set()), (6, {"rhythm", "place"})])
def test_from_a_short_time_only_is_concluded_what_it_can_tell(days, kinds):
    facts = [fact(24 * day + 3, host=f"h{day % 2}") for day in range(days) for _ in range(6)]
    found = find_patterns(facts, BEGIN, BEGIN + timedelta(days=days))
    assert {one.kind for one in found} <= kinds
    assert not any("week" in one.text for one in found)


def test_chance_alone_is_hardly_ever_called_a_pattern():
    wrong = 0
    for seed in range(40):
        rng = random.Random(seed)
        facts = [
            fact(rng.uniform(0, 1440), rng.choice("abc"), rng.choice("xyz"), rng.choice("123"))
            for _ in range(60)
        ]
        wrong += bool(firm(facts))
    assert wrong <= 6  # five in a hundred are allowed, and forty are few


def test_from_a_handful_nothing_is_concluded():
    assert find_patterns([fact(1), fact(2)], BEGIN, END) == []


def test_days_without_an_incident_count_as_none():
    assert [count for _, count in per_day([fact(1), fact(50)], BEGIN, BEGIN + timedelta(days=3))] == [1, 0, 1]


def test_the_tests_say_what_the_books_say():
    slope, p = mann_kendall([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert slope == pytest.approx(1)
    assert p == pytest.approx(0.0000830, rel=0.05)
    assert mann_kendall([3, 3, 3, 3])[1] == 1
    assert binomial_tail(8, 10, 0.5) == pytest.approx(0.0546875)
    strength, phase, p = rayleigh([0.0] * 20, 24.0)
    assert (strength, phase) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert p < 1e-6


def test_revenue_that_is_missed_during_incidents_is_counted():
    rng = np.random.default_rng(4)
    length = 24 * 14
    usual = 100 + 30 * np.sin(np.arange(length) * 2 * np.pi / 24)
    values = usual + rng.normal(0, 3, length)
    values[100:106] -= 80
    observed = make.observations({"revenue": values, "noise": rng.normal(50, 5, length)}, step_s=3600)
    spans = [(float(observed.table.times[100]), timedelta(hours=5))]
    revenue, noise = measure_impact(observed.table, spans)
    assert revenue.series == "revenue"
    assert revenue.missed == pytest.approx(480, rel=0.1)
    assert revenue.p < 0.02 < noise.p
