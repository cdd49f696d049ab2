"""What was said of failures ahead is kept, renewed, judged and counted."""

from datetime import timedelta

import pytest

from agent.records.failures import FailureState, FailureWord
from agent.store.failures import FailureStore
from tests.make import NOW


@pytest.fixture
def store(database):
    return FailureStore(database)


def word(host, probability, hours=6):
    return FailureWord(
        host=host, horizon=timedelta(hours=hours), probability=probability, base=0.1, training="t", at=NOW,
        because=("off:cpu",),
    )  # fmt: skip


def test_the_first_word_stays_beside_what_is_said_now(store):
    store.keep([word("a", 0.2), word("b", 0.3)], [], [], NOW)
    b, a = store.open()
    store.keep([], [(a.id, 0.9)], [], NOW)
    first = store.open()[0]
    assert (first.said, first.now) == (word("a", 0.2), 0.9)
    assert b.said.host == "b"


def test_it_is_judged_by_the_first_word(store):
    store.keep([word("a", 0.8), word("b", 0.2), word("c", 0.5, hours=1)], [], [], NOW)
    number = {one.said.host: one.id for one in store.open()}
    ended = [(number["a"], FailureState.CAME), (number["b"], FailureState.STAYED_AWAY)]
    store.keep([], [(number["a"], 0.1)], ended, NOW)
    (record,) = store.records()
    assert (record.horizon, record.judged, record.came) == (timedelta(hours=6), 2, 1)
    assert (record.expected, record.brier) == pytest.approx((1.0, 0.04))
    assert record.brier_base == pytest.approx((0.81 + 0.01) / 2)
    assert [one.said.host for one in store.open()] == ["c"]


def test_what_was_not_known_at_the_last_look_is_told_while_it_was_lately(store):
    key = ("a", timedelta(hours=6))
    store.keep([], [], [], NOW, unknown={key})
    assert store.unknown(NOW + timedelta(minutes=20)) == {key}
    assert store.unknown(NOW + timedelta(hours=2)) == frozenset()
