"""What an agent that is new here learns from the past, and how it asks for it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from agent.collect import FrameBuffer
from agent.collect.backfill import History, Wanted
from agent.collect.base import Answer, Poll, Range
from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect import Engine
from agent.errors import SourceUnreachable

NOW = datetime(2026, 1, 5, 12, 5, tzinfo=UTC)
STEP = timedelta(seconds=15)
LAST_HOUR = Wanted(span=timedelta(hours=1), step=STEP)
WEEK = Wanted(span=timedelta(minutes=10), step=STEP, seasons=timedelta(days=7))


class Source:
    """Remembers what a function of query and time says, for hosts that may have come and gone."""

    def __init__(self, value=lambda query, at: 1.0, hosts=("a",), gone=(), refused=(), dead=False):
        self.value, self.hosts, self.gone, self.refused, self.dead = value, hosts, gone, refused, dead
        self.asked = []

    def poll(self, queries):
        if self.dead:
            return Poll(NOW, {}, dict.fromkeys(queries, "nobody there"))
        labels = [{"instance": host} for host in self.hosts]
        return Poll(NOW, {one: Answer(0.0, labels, [1.0] * len(labels)) for one in queries})

    def ranges(self, queries, start, end, step):
        self.asked.append((set(queries), start, end, step))
        times = [start + step * place for place in range(round((end - start) / step) + 1)]
        hosts = [*self.hosts, *self.gone]
        labels = [{"instance": host} for host in hosts]
        found = {
            signal: Range([], labels, [[self.value(query, at) for at in times]] * len(hosts))
            for signal, query in queries.items()
            if query not in self.refused
        }
        return found, {signal: "no" for signal, query in queries.items() if query in self.refused}


def read(source, wanted, **queries):
    history = History(source, queries or {"load": "load"}, wanted)
    return [*history.days(), *history.recent()]


def test_the_last_hour_is_read_as_it_would_have_been_polled():
    polls = read(Source(), LAST_HOUR)
    assert [polls[0].at, polls[-1].at] == [NOW - timedelta(hours=1), NOW - STEP]
    assert {later.at - earlier.at for earlier, later in pairwise(polls)} == {STEP}


def test_the_days_before_come_first_and_at_long_steps():
    times = [poll.at for poll in read(Source(), WEEK)]
    assert times == sorted(times)
    assert times[0] <= NOW - timedelta(days=6, hours=23)
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert set(steps) == {timedelta(minutes=5), STEP}
    assert steps[-39:] == [STEP] * 39


def test_the_more_series_the_longer_the_steps_and_the_smaller_the_answers():
    source = Source(hosts=[f"h{n}" for n in range(15_000)])
    next(History(source, {"load": "load"}, WEEK).days())
    (_, start, end, step) = source.asked[0]
    assert step == timedelta(minutes=30)
    assert (end - start) / step * 15_000 <= 200_000


def test_series_that_are_gone_are_left_out_of_the_days_before():
    polls = read(Source(gone=["old"]), WEEK)
    names = [{labels["instance"] for labels in poll.answers["load"].labels} for poll in polls]
    assert names[0] == {"a"}
    assert names[-1] == {"a", "old"}


def test_signals_that_have_no_series_yet_are_no_trouble():
    polls = read(Source(hosts=[], gone=["old"]), WEEK)
    assert len(polls) == 40  # of the days nothing is left
    assert len(polls[-1].answers["load"].labels) == 1
    assert len(read(Source(hosts=[]), WEEK)[-1].answers["load"].labels) == 0


def test_without_signals_there_is_nothing_to_read():
    source = Source()
    history = History(source, {}, WEEK)
    assert [*history.days(), *history.recent()] == []
    assert source.asked == []


def test_a_signal_that_is_refused_is_asked_once_and_the_others_go_on():
    source = Source(refused=["wrong"])
    polls = read(source, WEEK, good="good", bad="wrong")
    assert sum("bad" in asked for asked, *_ in source.asked) == 1
    assert set(polls[-1].answers) == {"good"}


def test_nobody_there_is_an_error_at_once():
    with pytest.raises(SourceUnreachable, match="nobody there"):
        read(Source(dead=True), WEEK)


def test_a_slow_source_costs_days_but_not_the_last_hour(monkeypatch):
    monkeypatch.setattr("agent.collect.backfill._MOST_SECONDS", -1.0)
    polls = read(Source(), WEEK)
    assert len(polls) == 40 + 240
    assert polls[-1].at == NOW - STEP


def noon_rush(query, at):
    """Ten requests a second, and for the hour around noon a hundred."""
    noon = abs(at.timestamp() / 3600 % 24 - 12) < 0.5
    return (100.0 if noon else 10.0) + at.timestamp() % 7 / 10


@pytest.mark.parametrize(("days", "hours", "strange"), [(7, 1, False), (0, 4, True)])
def test_a_rush_of_every_noon_is_no_news_to_who_has_read_days(days, hours, strange):
    one = Signal(id="load", summary="s", query="load", role="traffic", bad="both", entity="{instance}")
    buffer = FrameBuffer({"load": one}, 240, 10)
    detector = Engine({"load": one}, DetectSection())
    wanted = Wanted(span=timedelta(hours=hours), step=STEP, seasons=timedelta(days=days))
    history = History(Source(noon_rush), {"load": "load"}, wanted)
    for poll in history.days():
        detector.learn(buffer.add(poll))
    for poll in history.recent():
        found = detector.observe(buffer.add(poll))
    assert bool(found) == strange
