"""Signs of life: given from the loops, and by none while one of them hangs."""

import pytest

from agent.service.watchdog import Watchdog


@pytest.fixture
def told():
    return []


@pytest.fixture
def watchdog(clock, told):
    made = Watchdog(clock.monotonic, told.append)
    made.watch("poll", 60)
    made.watch("turn", 10)
    return made


def test_loops_that_turn_in_time_give_signs_of_life(watchdog, clock, told):
    for _ in range(5):
        clock.move(seconds=5)
        watchdog.turned("turn")
        watchdog.turned("poll")
    assert told == ["WATCHDOG=1"] * 5


@pytest.mark.parametrize(("hangs", "lives"), [("poll", "turn"), ("turn", "poll")])
def test_while_one_loop_hangs_the_others_give_none(watchdog, clock, told, hangs, lives):
    for _ in range(30):
        clock.move(seconds=5)
        watchdog.turned(lives)
    allowed_s = {"poll": 60, "turn": 10}[hangs]
    assert len(told) == allowed_s // 5
    assert watchdog.late == (hangs,)


def test_a_loop_that_goes_on_gives_signs_of_life_again(watchdog, clock, told):
    clock.move(seconds=100)
    watchdog.turned("turn")
    assert not told
    watchdog.turned("poll")
    assert told == ["WATCHDOG=1"]


def test_a_loop_that_turns_often_does_not_write_as_often(watchdog, clock, told):
    for _ in range(100):
        clock.move(milliseconds=20)
        watchdog.turned("turn")
    assert len(told) == 2


def test_nothing_is_said_of_loops_that_are_not_watched_yet(clock, told):
    Watchdog(clock.monotonic, told.append).turned("poll")
    assert not told
