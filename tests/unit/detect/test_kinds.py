"""Kinds: each shape is called what people call it."""

import numpy as np
import pytest

from agent.detect.kinds import Stretch, kind_of
from agent.records.findings import KINDS

CHANCE = np.random.default_rng(3)


def stretch(during, **fields):
    before = 10 + CHANCE.normal(0, 0.5, 64)
    during = np.asarray(during, float)
    level = {"expected_before": np.full(64, 10.0), "expected_during": np.full(len(during), 10.0)}
    return Stretch(**{"before": before, "during": during, **level, **fields})


def noise(count, scale=0.5):
    return CHANCE.normal(0, scale, count)


SHAPES = {
    "spike": lambda: stretch([18.0]),
    "dip": lambda: stretch([9.0, 3.0]),
    "level_shift": lambda: stretch(15 + noise(20)),
    "trend": lambda: stretch(10 + np.linspace(0, 8, 30) + noise(30)),
    "variance_change": lambda: stretch(10 + noise(30, 4)),
    "flat_line": lambda: stretch(np.full(20, 10.3)),
    "missing_data": lambda: stretch([12.0, np.nan]),
    "correlated_shift": lambda: stretch(15 + noise(20), together=0.6, series=10),
    "lost_seasonality": lambda: stretch(
        10 + noise(100), expected_during=10 + 6 * np.sin(np.arange(100) / 100 * 2 * np.pi)
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_known_by_its_shape(kind):
    assert kind_of(SHAPES[kind]()) == kind


@pytest.mark.parametrize(
    ("swing", "kind"), [((1.0, 20.0), "lost_seasonality"), ((19.0, 20.0), "level_shift")]
)
def test_a_swing_that_takes_longer_than_is_held_tells_lost_season_from_level_shift(swing, kind):
    last_hour = 10 + noise(100)
    assert kind_of(stretch(last_hour, expected_during=np.full(100, 25.0), swing=swing)) == kind


def test_a_swing_of_nothing_known_says_nothing():
    assert kind_of(stretch(15 + noise(30), swing=(0.0, 0.0))) == "level_shift"
