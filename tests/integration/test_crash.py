"""A short form of ``make test-crash``: killed at random moments, nothing lost, nothing started twice."""

from tests.integration.crash import Trials


def test_killed_at_random_moments_nothing_is_lost_and_nothing_started_twice(workshop):
    result = Trials(workshop, seed=20260105).run(4)
    assert result.good, result
    assert result.acknowledged
