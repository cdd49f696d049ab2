"""Histories of entities from a source's memory: in pieces, without what was wrong."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from agent.background.history import Trouble, read_histories
from agent.collect.base import Answer, Range
from agent.config.models import ModelsSection
from agent.errors import QueryError, SourceUnreachable
from tests.make import signal

END = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Memory:
    """A source that remembers ``hosts`` for each query; its values are the minutes since 1970."""

    def __init__(self, **queries):
        self.queries = queries
        self.asked = []

    def query(self, expression, at=None):
        return Answer(0.0, self._labels(expression), [0.0] * len(self._labels(expression)))

    def query_range(self, expression, start, end, step):
        labels = self._labels(expression)
        times = np.arange(start.timestamp(), end.timestamp() + 1, step.total_seconds())
        self.asked.append((expression, len(times)))
        return Range(times.tolist(), labels, [(times / 60 + n).tolist() for n in range(len(labels))])

    def _labels(self, expression):
        found = self.queries[expression]
        if isinstance(found, Exception):
            raise found
        return [{"host": host} for host in found]


def read(memory, troubles=(), **fields):
    signals = {name: signal(name, query=name, role="traffic") for name in memory.queries}
    section = ModelsSection(**{"history": timedelta(hours=20), "step": MINUTE, **fields})
    return list(read_histories(memory, signals, section, END, troubles=troubles))


def test_the_series_of_an_entity_are_the_columns_of_its_history():
    (history,) = read(Memory(cpu=["web1"], net=["web1"]))
    assert history.entity == "web1"
    assert [key[0] for key in history.keys] == ["cpu", "net"]
    assert history.values.shape == (1200, 2)
    minutes = END.timestamp() / 60 - np.arange(1199, -1, -1)
    np.testing.assert_allclose(history.values[:, 0], np.float32(minutes))


def test_many_series_are_asked_for_in_pieces():
    memory = Memory(cpu=[f"h{n}" for n in range(1000)], net=["h0"])
    read(memory)
    pieces = [count for query, count in memory.asked if query == "cpu"]
    assert len(pieces) == 4
    assert sum(pieces) == 1200
    assert max(pieces) * 1000 <= 300_000


def test_an_entity_with_one_series_gets_no_model():
    assert [one.entity for one in read(Memory(cpu=["web1", "web2"], net=["web1"]))] == ["web1"]


def test_a_signal_that_cannot_be_answered_is_left_out():
    (history,) = read(Memory(cpu=["web1"], net=["web1"], wrong=QueryError("no")))
    assert len(history.keys) == 2


def test_a_source_that_is_not_there_is_said():
    with pytest.raises(SourceUnreachable):
        read(Memory(cpu=SourceUnreachable("refused"), net=["web1"]))


def test_what_was_wrong_is_not_learned():
    trouble = Trouble(entity="web1", host="web1", begin=END - 30 * MINUTE, end=END - 20 * MINUTE)
    one, other = read(Memory(cpu=["web1", "web2"], net=["web1", "web2"]), [trouble])
    missing = np.isnan(one.values).all(1)
    assert missing.sum() == 11
    assert not np.isnan(other.values).any()


def test_no_more_entities_and_series_than_asked_for():
    memory = Memory(cpu=["a", "b", "c"], net=["a", "b", "c"], disk=["c"])
    found = read(memory, max_entities=2, max_series=2)
    assert [one.entity for one in found] == ["c", "a"]
    assert [len(one.keys) for one in found] == [2, 2]


def test_signals_that_are_not_watched_are_not_read():
    memory = Memory(cpu=["web1"], net=["web1"])
    signals = {name: signal(name, query=name, detect=False) for name in memory.queries}
    assert not list(read_histories(memory, signals, ModelsSection(), END))
    assert not memory.asked


class Odd(Memory):
    """Its answers are in part for a while, and one value is what no counter of blocks can be."""

    def query_range(self, expression, start, end, step):
        found = super().query_range(expression, start, end, step)
        values = [[0.5] * len(row) for row in found.values]
        values[0][3] = 2.0**64
        return Range(found.times, found.labels, values, "a store is down" if len(self.asked) % 2 else "")


@pytest.mark.parametrize(("query", "missing"), [("free", 2), ("sum(free) by (host)", 1)])
def test_what_is_impossible_or_a_sum_over_a_part_is_not_learned(query, missing):
    memory = Odd(**{query: ["web1"], "net": ["web1"]})
    signals = {name: signal(name, query=text, unit="ratio") for name, text in (("a", query), ("b", "net"))}
    # both in one piece: the first of the two answers is in part
    section = ModelsSection(history=timedelta(hours=20), step=MINUTE)
    found = list(read_histories(memory, signals, section, END))
    learned = [history.values for history in found]
    if missing == 1:
        assert not learned  # of two series one is left, which gets no model
    else:
        assert np.isnan(learned[0]).sum() == missing


def test_of_a_device_in_many_places_one_series_is_learned():
    class Mounts(Memory):
        def _labels(self, expression):
            places = ("/", "/srv", "/var/lib/x")
            return [{"instance": "web1:9100", "device": "/dev/sda1", "mountpoint": one} for one in places]

    first = {"by": ["instance", "device"], "take": "first"}
    signals = {name: signal(name, query=name, combine=first) for name in ("free", "files")}
    (history,) = read_histories(
        Mounts(), signals, ModelsSection(history=timedelta(hours=20), step=MINUTE), END
    )
    assert [labels["mountpoint"] for _, labels in history.keys] == ["/", "/"]
