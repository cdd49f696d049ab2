"""What the agent has been without for too long is shown and told once, and so is its end."""

import time
from datetime import timedelta

import pytest

from agent.notify.own_trouble import OwnTroubleMessages
from agent.service.self_watch import SelfWatch, room_for_store

AFTER = timedelta(minutes=5)


class Way:
    """Takes what is to be told, or does not."""

    def __init__(self):
        self.told = []
        self.takes = True
        self.possible = True

    def tell(self, trouble, now):
        if self.takes:
            self.told.append((trouble.what, trouble.over))
        return self.takes


class Watched:
    def __init__(self, clock):
        self.clock = clock
        self.way = Way()
        self.needs = {"store": "", "prometheus": ""}
        self.watch = SelfWatch(lambda: self.needs, self.way, lambda: AFTER, clock)

    def look(self, looks=1, **step):
        for _ in range(looks):
            self.watch.look()
            self.clock.move(**(step or {"seconds": 30}))
            deadline = time.monotonic() + 5
            while any(not told[1].done() for told in self.watch._telling.values()):
                assert time.monotonic() < deadline
                time.sleep(0.001)


@pytest.fixture
def watched(clock):
    made = Watched(clock)
    yield made
    made.watch.stop()


def test_it_is_told_once_after_its_time_and_again_when_it_is_over(watched):
    watched.needs["store"] = "the disk is full"
    watched.look(10)
    assert (watched.way.told, watched.watch.lasting) == ([], {})
    watched.look(20)
    assert watched.way.told == [("store", False)]
    assert watched.watch.lasting["store"].why == "the disk is full"
    watched.needs["store"] = ""
    watched.look(3)
    assert watched.way.told == [("store", False), ("store", True)]
    assert not watched.watch.lasting


def test_what_comes_and_goes_within_the_time_is_nobodys_business(watched):
    for why in ["timed out", ""] * 20:
        watched.needs["prometheus"] = why
        watched.look(9)
    assert not watched.way.told


def test_another_reason_is_the_same_trouble(watched):
    for number in range(40):
        watched.needs["prometheus"] = f"refused {number}"
        watched.look()
    assert watched.way.told == [("prometheus", False)]


def test_what_reached_nobody_is_told_again_until_it_does(watched):
    watched.way.takes = False
    watched.needs["store"] = "gone"
    watched.look(30)
    watched.way.takes = True
    watched.look(4)
    assert watched.way.told == [("store", False)]


def test_that_it_is_over_is_told_to_nobody_who_was_not_told(watched):
    watched.way.takes = False
    watched.needs["store"] = "gone"
    watched.look(20)
    watched.way.takes, watched.needs["store"] = True, ""
    watched.look(5)
    assert not watched.way.told


def test_a_store_with_little_room_is_said_before_it_is_full(tmp_path, monkeypatch):
    assert room_for_store(tmp_path) == ""
    assert "cannot be looked at" in room_for_store(tmp_path / "gone")


def test_failing_targets_are_asked_last():
    messages = OwnTroubleMessages(
        "agent", lambda: dict.fromkeys(["chat", "mail", "pager"]), lambda: ["pager"], lambda: ["pager"]
    )
    assert messages._ways() == [["chat", "mail"], ["pager"]]
