"""How sure it is that the run did it."""

from datetime import timedelta

from agent.verify import Circumstances, attribute_recovery


def sure(lasted=60, took=5, peers=0, peers_recovered=0, earlier=0, earlier_alone=0):
    seen = Circumstances(
        lasted=timedelta(seconds=lasted),
        took=timedelta(seconds=took),
        peers=peers,
        peers_recovered=peers_recovered,
        earlier=earlier,
        earlier_alone=earlier_alone,
    )
    return attribute_recovery(seen).sure


def test_a_long_fault_that_ends_with_the_run_was_ended_by_it():
    assert sure(lasted=600) > 0.98


def test_a_fault_that_had_just_begun_proves_less():
    assert sure(lasted=1) < sure(lasted=60)


def test_a_fault_that_mostly_goes_away_by_itself_proves_less():
    often, never = sure(earlier=20, earlier_alone=18, lasted=10), sure(earlier=20, lasted=10)
    assert often < 0.8 < 0.95 < never


def test_when_untreated_hosts_recovered_too_it_was_probably_not_us():
    assert sure(lasted=600, peers=3, peers_recovered=3) <= 0.2
    assert sure(lasted=600, peers=3, peers_recovered=0) > 0.98


def test_it_is_never_certain():
    assert sure(lasted=10**9, took=0) == 0.99


def test_no_time_at_all_is_no_error():
    assert 0 <= sure(lasted=0, took=0) <= 1
