"""The watched stock signals on what real exporters said: each is a number in its range."""

import time
from collections import Counter

import numpy as np
import pytest

from agent.collect import FrameBuffer, PrometheusSource
from agent.config.rulefiles import load_rules
from agent.config.sources import PrometheusSection
from tests.servers.history import backfill
from tests.servers.process import wait_until
from tests.servers.prometheus import serving_blocks

NOT_THERE = {"swap_in_use", "pool_free_ratio", "dataset_free_ratio"}  # no swap space, no ZFS
# what was done to the hosts meanwhile, roughly: the machine was busy
SEEN = {
    "redis_commands": (1, 30),
    "nginx_requests": (0.5, 10),
    "mysql_queries": (1, 50),
    "postgresql_transactions": (1, 30),
    "haproxy_requests": (0.5, 10),
    "load_per_core": (1, 20),
    "memory_in_use": (0.05, 0.95),
    "http_probe_seconds": (1e-4, 1),
}
# series of one entity; of the host itself all of host_use.yml but its swap space
ENTITIES = {"web1": 41, "web1:redis": 6, "web1:nginx": 4, "web1:mysql": 6, "db1:postgresql": 6}


@pytest.fixture(scope="module")
def recorded(root):
    """The seconds of the recording, and of each series its values."""
    seconds, series, labels = [], {}, ""
    for line in (root / "tests" / "data" / "exporters" / "recorded.txt").read_text().splitlines():
        if line.startswith("seconds "):
            seconds = [float(word) for word in line.split()[1:]]
        elif line.startswith("target "):
            labels = f'instance="{line.split()[1]}",job="{line.split(":")[1]}"'
            series[f"up{{{labels}}}"] = ["1"] * len(seconds)
        elif not line.startswith("#"):
            name, *values = line.rsplit(" ", len(seconds))
            name = name.replace("{", f"{{{labels},") if "{" in name else f"{name}{{{labels}}}"
            series[name] = values
    return seconds, series


def test_every_watched_stock_signal_is_a_number_in_its_range(root, recorded, tmp_path):
    seconds, series = recorded
    signals = {id_: one for id_, one in load_rules([root / "rules"]).signals.items() if one.detect}
    now = time.time()
    times = [now - seconds[-1] + second for second in seconds]

    def at(moment):
        return {name: float(values[times.index(moment)]) for name, values in series.items()}

    backfill(tmp_path / "data", at, times)
    with serving_blocks(tmp_path, tmp_path / "data") as url:
        source = PrometheusSource(url, PrometheusSection().timeout)
        wait_until(lambda: source.query("up").values, 60, "not there")
        frame = FrameBuffer(signals, 10, 10_000).add(
            source.poll({id_: one.query for id_, one in signals.items()})
        )
        source.close()
    assert (frame.doubts, frame.partial) == ({}, {})
    found = {id_: frame.latest[rows] for id_, rows in frame.rows.items() if len(rows)}
    assert set(signals) - set(found) == NOT_THERE
    for id_, values in found.items():
        low, high = signals[id_].bounds
        assert np.isfinite(values).all(), (id_, values)
        assert low <= values.min() <= values.max() <= high, (id_, values)
    for id_, (low, high) in SEEN.items():
        assert low <= found[id_].max() <= high, (id_, found[id_])
    entities = Counter(one.entity for one in frame.series)
    assert {name: entities[name] for name in ENTITIES} == ENTITIES
