"""Messages about anomalies: one for all that are new, not too often, none about what is over."""

from datetime import timedelta

import pytest

from agent.config.notify import AnomalyMessages
from agent.notify.anomalies import ANOMALY, AnomalyDigest, tell_anomalies
from agent.store import open_stores
from tests.make import NOW, anomaly


class Hands:
    """A clock that is moved by hand."""

    def __init__(self):
        self.at = NOW

    def now(self):
        return self.at

    def monotonic(self):
        return self.at.timestamp()


@pytest.fixture
def stores(tmp_path):
    opened = open_stores(tmp_path / "opsmend.db")
    yield opened
    opened.close()


def put_up(stores, clock):
    return [one for one in stores.notifications.due(clock.now()) if one.kind == ANOMALY]


def test_one_message_tells_all_that_is_new(stores):
    clock = Hands()
    digest = AnomalyDigest(stores.notifications, AnomalyMessages(targets=["a", "b"]), clock)
    digest.announce([anomaly("x"), anomaly("y"), anomaly("z", confidence=0.5)])
    digest.announce([anomaly("x"), anomaly("y")])
    assert [one.target for one in put_up(stores, clock)] == ["a", "b"]


def test_the_next_message_waits_until_it_may_come(stores):
    clock = Hands()
    settings = AnomalyMessages(targets=["a"], every=timedelta(minutes=30))
    digest = AnomalyDigest(stores.notifications, settings, clock)
    digest.announce([anomaly("x")])
    clock.at += timedelta(minutes=10)
    digest.announce([anomaly("x"), anomaly("y")])
    assert len(put_up(stores, clock)) == 1
    clock.at += timedelta(minutes=30)
    digest.announce([anomaly("x"), anomaly("y")])
    assert len(put_up(stores, clock)) == 2


def test_a_message_says_what_is_seen_and_for_how_long():
    title, body = tell_anomalies(
        [anomaly("x", contributors=("y",)), anomaly("gone", kind="missing_data")], "prod", NOW
    )
    assert title == "[prod] anomalies: 2 anomalies are open"
    assert "x of web1 is 5; 1 to 2 would be normal (level shift)" in body
    assert "together with y" in body
    assert "gone of web1 has no samples any more" in body
