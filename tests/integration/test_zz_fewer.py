import time, uuid
import pytest
from tests.integration.test_sources_kafka import *


def test_fewer(broker, stores, monkeypatch):
    monkeypatch.setattr("agent.collect.kafkatopic._EVERY_S", 0.5)
    name = f"f{uuid.uuid4().hex[:6]}"
    broker.create(name, partitions=3)
    s = source(broker, name, stores)
    broker.produce(name, ['{"kind": "old", "n": %d}' % n for n in range(30)])
    assert read_all(s, 30) == 30
    broker.delete(name)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        try:
            s.read(0.2)
        except Exception as e:
            print("while gone", e)
    broker.create(name, partitions=1)
    broker.produce(name, ['{"kind": "new", "n": %d}' % n for n in range(7)])
    assert read_all(s, 7, 40) == 7
    broker.produce(name, ['{"kind": "new", "n": %d}' % n for n in range(7, 9)])
    assert read_all(s, 2, 20) == 2
    print(s.lag())
    # at once, while nobody looks
    broker.delete(name)
    time.sleep(1)
    broker.create(name, partitions=2)
    broker.produce(name, ['{"kind": "again", "n": %d}' % n for n in range(4)])
    assert read_all(s, 4, 40) == 4
    s.close()
    # agent is down meanwhile
    broker.delete(name)
    time.sleep(1)
    broker.create(name, partitions=1)
    broker.produce(name, ['{"kind": "down", "n": %d}' % n for n in range(3)])
    s = source(broker, name, stores)
    assert read_all(s, 3, 40) == 3
    s.close()
