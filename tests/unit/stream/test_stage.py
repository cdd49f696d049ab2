"""Stages: bounded, slowed by the slowest, stopped by no record."""

import random
import threading
import time

import pytest

from agent import metrics
from agent.errors import StoreUnavailable
from agent.stream.buffer import Buffer
from agent.stream.stage import Stage, Stream


def through(stages, records, wait_s=5.0):
    """Send records through stages and return what came out of the last one."""
    out, lock = [], threading.Lock()

    def gather(batch):
        with lock:
            out.extend(batch)
        return ()

    stream = Stream([*stages, Stage(name="test-end", work=gather)])
    stream.start()
    for record in records:
        stream.put(record)
    stream.stop(wait_s)
    return out


def counted(metric, stage):
    return metric.labels(stage)._value.get()


def test_every_record_comes_through_many_workers():
    def add_one(batch):
        return [one + 1 for one in batch]

    stages = [Stage(name=f"test-{n}", work=add_one, workers=4) for n in range(3)]
    assert sorted(through(stages, range(2000))) == list(range(3, 2003))


def test_a_poison_record_is_left_out_and_counted_and_the_rest_goes_on():
    def work(batch):
        if 7 in batch:
            raise ValueError("seven")
        return batch

    before = counted(metrics.STAGE_POISON, "test-poison")
    out = through([Stage(name="test-poison", work=work)], range(20))
    assert sorted(out) == [n for n in range(20) if n != 7]
    assert counted(metrics.STAGE_POISON, "test-poison") == before + 1


def test_what_fails_for_a_passing_reason_is_done_again(monkeypatch):
    monkeypatch.setattr("agent.stream.stage._AGAIN_S", 0.01)
    left = [3]

    def work(batch):
        if left[0]:
            left[0] -= 1
            raise StoreUnavailable("locked")
        return batch

    done = []
    end = Stage(name="test-end", work=lambda batch: done.extend(batch) or ())
    stream = Stream([Stage(name="test-again", work=work), end])
    stream.start()
    stream.put("a")
    deadline = time.monotonic() + 2
    while not done and time.monotonic() < deadline:
        time.sleep(0.01)
    stream.stop()
    assert done == ["a"]


def test_a_full_buffer_slows_the_producer_and_loses_nothing():
    release = threading.Event()
    out = []

    def slow(batch):
        release.wait(5)
        out.extend(batch)
        return ()

    stream = Stream([Stage(name="test-slow", work=slow, most=10)])
    stream.start()
    sent = []

    def produce():
        for n in range(100):
            stream.put(n)
            sent.append(n)

    producer = threading.Thread(target=produce)
    producer.start()
    producer.join(0.3)
    assert len(sent) < 25
    release.set()
    producer.join(5)
    stream.stop()
    assert out == list(range(100))
    assert counted(metrics.STAGE_BLOCKED_SECONDS, "test-slow") > 0


def test_a_record_that_waits_too_long_closes_the_door():
    buffer = Buffer(most=1000, longest_s=0.05)
    buffer.put("old")
    time.sleep(0.06)
    late = threading.Thread(target=buffer.put, args=("new",))
    late.start()
    late.join(0.15)
    assert late.is_alive()
    assert buffer.take(10) == ["old"]
    late.join(2)
    assert buffer.take(10) == ["new"]


def test_a_closed_buffer_gives_out_what_it_has_and_takes_no_more():
    buffer = Buffer(10, 5)
    buffer.put(1)
    buffer.close()
    with pytest.raises(RuntimeError):
        buffer.put(2)
    assert buffer.take(10) == [1]
    assert buffer.take(10) == []


def test_what_goes_in_and_out_is_counted():
    names = [metrics.STAGE_IN, metrics.STAGE_OUT]
    before = [counted(one, "test-count") for one in names]
    through([Stage(name="test-count", work=lambda batch: batch)], random.Random(1).sample(range(100), 30))
    assert [counted(one, "test-count") - old for one, old in zip(names, before, strict=True)] == [30, 30]
