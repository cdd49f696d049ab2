"""Tests of how incidents that nobody could name are put together."""

from datetime import timedelta

from agent.diagnose.naming.fingerprint import similarity
from agent.learn.recurring import MOST_KINDS, groups_of, occasions, shared
from tests.make import NOW


def shows(*names):
    return dict.fromkeys(names, 1.0)


RAID = shows("signal:Raid", "alert:Raid", "on:host")
SLOW = shows("signal:latency", "high:latency", "signal:errors", "high:errors", "on:service")


def test_what_shows_the_same_is_one_group_and_what_does_not_is_none():
    found = groups_of({1: RAID, 2: SLOW, 3: RAID, 4: {**SLOW, "signal:cpu": 1.0}, 5: RAID}, similarity)
    assert found == [[1, 3, 5], [2, 4]]


def test_the_same_place_alone_makes_nothing_alike():
    assert groups_of({1: RAID, 2: shows("signal:Fan", "alert:Fan", "on:host")}, similarity) == [[1], [2]]


def test_what_shows_nothing_is_in_no_group_and_the_rarest_kinds_are_left_out():
    many = {number: shows(f"signal:{number}") for number in range(MOST_KINDS + 20)}
    assert len(groups_of({**many, -1: {}}, similarity)) == MOST_KINDS
    assert groups_of({}, similarity) == []


def test_shared_is_what_nearly_all_show():
    assert shared([{"a": 1.0, "b": 0.5}, {"a": 0.7}]) == {"a": 0.7}
    assert shared([shows("a", "b")] * 4 + [shows("a")]) == shows("a", "b")
    assert shared([]) == {}


def test_ten_hosts_at_once_are_one_occasion():
    times = [NOW + timedelta(minutes=5 * number) for number in range(10)]
    assert occasions(times) == 1
    assert occasions([*times, NOW + timedelta(hours=3), NOW + timedelta(hours=5)]) == 3
