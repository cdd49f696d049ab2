"""A small past: hosts, their faults, and what was seen before some of them."""

from datetime import timedelta

import numpy as np
import pytest

from agent.learn.failures.moments import Occurrence, came, choose_moments

HOSTS = [f"h{number}" for number in range(8)]
DAYS = 24


@pytest.fixture(scope="session")
def past():
    """Return moments, faults, and two features: one that rises within six hours of a fault, and noise."""
    chance = np.random.default_rng(3)
    faults = [
        Occurrence(host=host, begin=float(at), end=float(at) + 600)
        for host in HOSTS
        for at in np.sort(chance.uniform(86_400, DAYS * 86_400, 14))
    ]
    moments = choose_moments(HOSTS, 0, DAYS * 86_400, faults)
    soon = came(moments, faults, timedelta(hours=6), np.inf) == 1
    rising = np.where(soon, 0.8, 0.2 * chance.random(len(moments)))
    there = {f"there:{name}": np.ones(len(moments)) for name in ("rising", "noise")}
    return moments, faults, {"off:rising": rising, "off:noise": chance.random(len(moments)), **there}


@pytest.fixture(scope="session")
def silent(past):
    """Return what forecasts said: nothing."""
    return {timedelta(hours=6): np.full(len(past[0]), np.nan)}
