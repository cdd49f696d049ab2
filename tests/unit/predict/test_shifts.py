"""A member of a group that parts from its peers and its past is about to fail; what all do is load."""

import numpy as np
import pytest

from agent.predict.shifts import ShiftWatch

HOSTS, METRICS, MINUTES = 8, 20, 90


@pytest.fixture
def values():
    """Return minute x series of a healthy group: one load, noise of each."""
    rng = np.random.default_rng(3)
    load = 10 + 3 * np.sin(np.arange(MINUTES) / 15)
    return load[:, None] * np.ones(HOSTS * METRICS) + rng.normal(0, 0.2, (MINUTES, HOSTS * METRICS))


def watch(values, kinds=None):
    """Return the probability of each host at each minute."""
    owners = [number // METRICS for number in range(HOSTS * METRICS)]
    kinds = kinds or [number % METRICS for number in range(HOSTS * METRICS)]
    found = ShiftWatch(owners, kinds)
    return np.stack([found.observe(row)[0] for row in values])


def test_a_group_that_is_well_has_no_alarm(values):
    assert watch(values).max() < 0.5


def test_a_member_that_parts_from_the_others_is_told_within_minutes_and_goes_on(values):
    values[60:, :6] += 8  # six metrics of the first host
    found = watch(values)
    assert np.flatnonzero(found[:, 0] >= 0.5)[0] - 60 < 6
    assert (found[66:, 0] >= 0.5).all()
    assert found[:, 1:].max() < 0.5


def test_what_all_members_do_is_load(values):
    values[60:] *= 3
    assert watch(values).max() < 0.5


def test_one_series_that_shifts_is_no_failure(values):
    values[60:, 0] += 50
    assert watch(values).max() < 0.5


def test_a_peak_that_passes_is_no_failure(values):
    values[60:63, :6] += 50
    assert watch(values).max() < 0.5


def test_nothing_is_said_without_peers(values):
    values[60:, :6] += 8
    assert watch(values, kinds=list(range(HOSTS * METRICS))).max() == 0


def test_nothing_is_said_before_there_is_a_past(values):
    values[18:, :6] += 8
    assert watch(values[:24]).max() == 0


def test_missing_samples_are_no_shift(values):
    values[60:, :6] = np.nan
    values[70:80] = np.nan
    assert watch(values).max() < 0.5
