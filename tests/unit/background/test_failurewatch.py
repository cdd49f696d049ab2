"""What a trained foresight says of hosts is kept, renewed, and judged by the incidents that came."""

from datetime import timedelta

import numpy as np
import pytest

from agent.background.failurefacts import occurrences_in
from agent.background.failurewatch import FailureWatch
from agent.collect.base import Answer, Range
from agent.errors import SourceUnreachable
from agent.learn.failures.model import Foresight, Judged
from agent.learn.failures.shelf import ForesightShelf
from agent.records.forecasts import Remaining
from tests.make import NOW, candidate, incident, signal

HOUR = timedelta(hours=1)
QUEUE = signal("queue", query="queue", bad="high", role="saturation")


class Memory:
    """A source in which the queue of web1 has grown for an hour, and that of web2 has not."""

    def query(self, expression, at=None):
        return Answer(0.0, [{"host": "web1"}, {"host": "web2"}], [9.0, 1.0])

    def query_range(self, expression, start, end, step):
        times = np.arange(start.timestamp(), end.timestamp() + 1, step.total_seconds())
        calm = 1 + 0.1 * np.sin(times)
        grown = np.where(times > NOW.timestamp() - 3600, 9.0, calm)
        return Range(times.tolist(), [{"host": "web1"}, {"host": "web2"}], [grown.tolist(), calm.tolist()])


class Silent(Memory):
    """A source that knows who is there, and no samples."""

    def query_range(self, expression, start, end, step):
        raise SourceUnreachable("gone")


@pytest.fixture
def watch(stores, tmp_path, clock):
    clock.time = NOW
    foresight = Foresight(
        horizon_s=21_600.0,
        features=["off:queue"],
        weights=[6.0],
        bias=-4.0,
        odds=[-4.0, 2.0],
        came=[0.01, 0.8],
        base=0.02,
    )
    shelf = ForesightShelf(tmp_path / "shelf")
    shelf.put([Judged(horizon_s=21_600.0, why="good", in_force=True, foresight=foresight)], NOW, NOW, NOW)
    return FailureWatch(shelf, Memory(), lambda: {"queue": QUEUE}, stores, clock.now)


def by_host(stores):
    return {one.said.host: one for one in stores.failures.open()}


def opened(stores, host, at, **fields):
    found = candidate(entity=host, labels={"host": host}, **fields)
    return stores.incidents.add(incident(found, opened_at=at, last_seen_at=at), "t")


def test_it_says_of_each_host_how_likely_a_fault_is_and_why(watch, stores):
    watch.look()
    found = by_host(stores)
    assert found["web1"].now == pytest.approx(0.8, abs=0.01)
    assert found["web2"].now < 0.1
    assert tuple(found["web1"].said.because) == ("off:queue",)


def test_each_word_stands_until_its_time_is_over_and_is_judged_by_what_came(watch, stores, clock):
    watch.look()
    opened(stores, "web1", NOW + HOUR)
    clock.move(hours=2)
    watch.look()
    assert by_host(stores)["web1"].said.at == clock.now()  # a new word: the first one came true
    assert by_host(stores)["web2"].said.at == NOW
    clock.move(hours=5)
    watch.look()
    (record,) = stores.failures.records()
    assert (record.judged, record.came) == (2, 1)


def test_a_source_that_does_not_answer_says_nothing_and_keeps_nobody_from_judging(watch, stores, clock):
    watch.look()
    opened(stores, "web1", NOW + HOUR)
    clock.move(hours=2)
    watch._source = Silent()
    with pytest.raises(SourceUnreachable):
        watch.look()
    assert list(by_host(stores)) == ["web2"]
    assert stores.failures.records()[0].came == 1


class Gone(Memory):
    """A source from which web1 has vanished."""

    def query(self, expression, at=None):
        return Answer(0.0, [{"host": "web2"}], [1.0])


def test_a_host_that_is_gone_is_named_no_more_and_judged_by_nothing(watch, stores, clock):
    watch.look()
    watch._source = Gone()
    clock.move(hours=1)
    watch.look()
    assert by_host(stores)["web1"].now == 0.02  # as at any time
    clock.move(hours=6)
    watch.look()
    (record,) = stores.failures.records()
    assert (record.judged, list(by_host(stores))) == (1, ["web2"])


def test_what_a_training_said_that_is_not_in_force_any_more_is_named_no_more(watch, stores, clock):
    watch.look()
    watch._shelf.put([Judged(horizon_s=21_600.0, why="nothing is said")], NOW + HOUR, NOW, NOW)
    clock.move(hours=1)
    watch.look()
    assert {one.now for one in stores.failures.open()} == {0.02}


def test_what_is_broken_already_is_not_foretold(watch, stores):
    opened(stores, "web1", NOW)
    watch.look()
    assert list(by_host(stores)) == ["web2"]


def test_without_a_training_nothing_is_asked_or_said(stores, tmp_path, clock):
    FailureWatch(ForesightShelf(tmp_path / "none"), None, dict, stores, clock.now).look()
    assert stores.failures.open() == []


def test_forecasts_and_trouble_that_nobody_could_name_are_no_faults(stores):
    soon = Remaining(at=NOW, left=HOUR, low=HOUR, high=HOUR)
    opened(stores, "web1", NOW, foreseen=soon)
    opened(stores, "web2", NOW, fault="unknown")
    opened(stores, "web3", NOW)
    assert [one.host for one in occurrences_in(stores)] == ["web3"]
