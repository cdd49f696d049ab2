"""How often somebody may ask."""

from agent.web.access.limits import RateLimit


def test_who_asks_too_often_is_told_when_to_come_again(clock):
    limit = RateLimit(0.5, clock.monotonic, burst=3)
    assert [limit.take("ann") for _ in range(4)] == [0, 0, 0, 2]
    assert limit.take("bob") == 0
    clock.move(seconds=2)
    assert [limit.take("ann"), limit.take("ann")] == [0, 2]


def test_looking_takes_no_permit(clock):
    limit = RateLimit(1, clock.monotonic, burst=1)
    assert [limit.wait_s("ann") for _ in range(3)] == [0, 0, 0]
    limit.take("ann")
    assert limit.wait_s("ann") == 1


def test_a_clock_that_was_set_back_gives_no_permits_and_takes_none(clock):
    limit = RateLimit(1, clock.monotonic, burst=2)
    limit.take("ann")
    clock.move(hours=-1)
    assert [limit.take("ann"), limit.take("ann")] == [0, 1]


def test_what_is_known_of_callers_is_bounded(clock):
    limit = RateLimit(1, clock.monotonic, burst=1)
    for number in range(30_000):
        limit.take(f"address {number}")
    assert len(limit._buckets) == 10_000
