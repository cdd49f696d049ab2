"""How often targets are scraped is learned from the source, by job, and rates follow it."""

from datetime import timedelta

import pytest

from agent.collect import Answer
from agent.collect.scrapes import ScrapeIntervals, scraped
from agent.config.promql import with_rate_interval
from agent.errors import SourceUnreachable

JOBS = {"node": 15.0, "slow": 60.0, "once": 300.0}
METRICS = {"cpu": ["node"], "bill": ["slow", "node"], "pushed": [], "lonely": ["unheard"]}


class Targets:
    """Jobs that are scraped at their own pace, and metrics that come from them."""

    def __init__(self):
        self.down = False
        self.asked = 0

    def ask(self, query):
        self.asked += 1
        if self.down:
            raise SourceUnreachable("nobody there")
        jobs = next(jobs for name, jobs in METRICS.items() if name in query)
        return Answer(1.0, [{"job": job} for job in jobs], [1.0] * len(jobs))

    def samples(self, query):
        for job, step in JOBS.items():
            for target in range(3):
                times = [1000.0 + target + step * number for number in range(int(600 / step))]
                missed = times[:3] + times[4:] if len(times) > 4 else times
                yield {"job": job, "instance": f"{job}{target}"}, [(at, 1.0) for at in missed]


def intervals(setting=None):
    targets = Targets()
    return ScrapeIntervals(setting, targets.ask, targets.samples), targets


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("rate(cpu[$__rate_interval])", 15),
        ("rate(bill[$__rate_interval])", 60),
        ("rate(pushed[$__rate_interval])", 60),
        ("rate(lonely[$__rate_interval])", 60),
    ],
)
def test_a_query_goes_by_the_slowest_job_that_tells_its_metrics(query, seconds):
    learned, _ = intervals()
    assert learned.of(query) == timedelta(seconds=seconds)
    assert f"[{4 * seconds}s]" in with_rate_interval(query, learned.of(query))


def test_what_is_learned_is_not_asked_at_every_poll():
    learned, targets = intervals()
    for _ in range(50):
        learned.of("rate(cpu[$__rate_interval])")
    assert targets.asked == 1


def test_the_setting_wins_and_a_source_that_is_down_costs_nothing_but_the_default():
    assert intervals(timedelta(seconds=30))[0].of("rate(cpu[1m])") == timedelta(seconds=30)
    learned, targets = intervals()
    targets.down = True
    assert learned.of("rate(cpu[$__rate_interval])") == timedelta(minutes=1)


def test_the_fastest_job_says_when_nothing_is_scraped_any_more():
    assert intervals()[0].fastest_s() == 15


def test_samples_are_as_old_as_the_scrape_of_their_target():
    newest = Answer(100.0, [{"job": "a", "instance": "x"}, {"job": "b", "instance": "x"}], [90.0, 95.0])
    assert scraped(newest) == {("a", "x"): 90.0, ("b", "x"): 95.0, ("", "x"): 95.0}
