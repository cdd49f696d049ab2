"""How far signals go in healthy time is known only once that time was long enough."""

from dataclasses import dataclass

import numpy as np
import pytest

from agent.collect.base import Answer, Range
from agent.records import Alert
from agent.workshop.healthytime import fired_outside, healthy_ranges
from tests.make import NOW, candidate, incident, signal

HOSTS = [{"instance": f"web{number}:9100"} for number in range(300)]


@dataclass
class Young:
    """A source that remembers the newest samples of many hosts."""

    remembered: int

    def query(self, expression, at=None):
        return Answer(0.0, HOSTS, [1.0] * len(HOSTS))

    def query_range(self, expression, start, end, step):
        times = np.arange(start.timestamp(), end.timestamp() + 1, step.total_seconds())
        oldest = NOW.timestamp() - (self.remembered - 0.5) * step.total_seconds()
        row = np.where(times >= oldest, 1.0, np.nan).tolist()
        return Range(times.tolist(), HOSTS, [row] * len(HOSTS))


@pytest.mark.parametrize(("remembered", "known"), [(1, False), (287, False), (288, True)])
def test_many_hosts_at_one_moment_are_no_day(remembered, known):
    wanted = {"queue": signal("queue", query="queue", bad="high", role="saturation")}
    assert ("queue" in healthy_ranges(Young(remembered), wanted, NOW, [])) is known


@pytest.mark.parametrize(("host", "outside"), [("db1", 0), ("web1", 1)])
def test_what_fires_on_another_host_is_not_of_an_incident(host, outside):
    ill = incident(candidate(entity="db1", symptoms=()), opened_at=NOW, host="db1")
    fired = Alert(
        fingerprint="a", name="Raid", labels={"instance": f"{host}:9100"}, annotations={}, starts_at=NOW,
        received_at=NOW,
    )  # fmt: skip
    assert fired_outside([fired], [ill], NOW) == outside
