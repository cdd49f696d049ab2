"""The stock signals of file systems, asked of a real Prometheus: what shares its room is one thing."""

import pytest

from agent.collect import FrameBuffer, PrometheusSource
from agent.config.rulefiles import load_rules
from agent.config.sources import PrometheusSection

TIB = 2.0**40
POOLS = {
    ("rpool/ROOT/pve-1", "/"): (0.002, 0.1),
    ("rpool/ROOT/pve-1/log", "/var/log"): (0.001, 0.1),
    ("rpool/data/vms", "/vms"): (5.0, 0.1),
    ("rpool/home/ann", "/home/ann"): (0.01, 0.0001),  # a quota
    ("rpool/data/vms@monday", "/vms/.zfs/snapshot/monday"): (2.0, 0.0),
    ("tank", "/tank"): (1.0, 3.0),
    ("tank/backup", "/tank/backup"): (4.0, 3.0),
}


def shown(prometheus, root, replicas=("",)):
    """Return host, mountpoint and value of each series of the signals about room, with those pools."""
    samples = {}
    for (device, mountpoint), (used, free) in POOLS.items():
        for replica in replicas:
            labels = f'instance="pve:9100",device="{device}",fstype="zfs",mountpoint="{mountpoint}"{replica}'
            samples[f"node_filesystem_avail_bytes{{{labels}}}"] = free * TIB
            samples[f"node_filesystem_size_bytes{{{labels}}}"] = (used + free) * TIB
            samples[f"node_filesystem_readonly{{{labels}}}"] = 0
            samples[f"node_filesystem_files{{{labels}}}"] = 1e6
            samples[f"node_filesystem_files_free{{{labels}}}"] = 100
            samples[f"up{{{labels}}}"] = 1
    prometheus.expose(samples)
    return told(prometheus, root)


def told(prometheus, root):
    signals = load_rules([root / "rules"]).signals
    queries = {
        id_: one.query for id_, one in signals.items() if id_.startswith(("pool_", "dataset_", "files"))
    }
    source = PrometheusSource(prometheus.url, PrometheusSection().timeout)
    try:
        poll = source.poll(queries)
    finally:
        source.close()
    assert poll.failed == {}
    frame = FrameBuffer(signals, 4, 1000).add(poll)
    assert frame.doubts == {}
    return {
        id_: {frame.series[row].entity: float(frame.latest[row]) for row in frame.rows[id_]}
        for id_ in queries
    }


@pytest.mark.parametrize("replicas", [("",), (',prometheus_replica="a"', ',prometheus_replica="b"')])
def test_the_datasets_of_a_pool_are_one_and_a_quota_is_its_own(prometheus, root, replicas):
    found = shown(prometheus, root, replicas)
    whole = 0.1 + 0.002 + 0.001 + 5.0 + 0.01
    assert found["pool_free_ratio"] == {
        "pve:/": pytest.approx(0.1 / whole),
        "pve:/tank": pytest.approx(3.0 / 8.0),
    }
    assert found["pool_free_bytes"] == {"pve:/": 0.1 * TIB, "pve:/tank": 3.0 * TIB}
    assert found["dataset_free_ratio"] == {"pve:/home/ann": pytest.approx(0.0001 / 0.0101)}
    assert found["dataset_free_bytes"] == {"pve:/home/ann": 0.0001 * TIB}
    assert set(found["pool_seconds_to_full"]) <= {"pve:/", "pve:/tank"}
    for other in ("filesystem_free_ratio", "filesystem_free_bytes", "filesystem_free_inodes_ratio"):
        assert found[other] == {}, other


def test_one_impossible_sample_makes_no_trend(prometheus, root):
    """What wrapped a moment ago seems to fall for half an hour, or six, and to be used up at once."""
    labels = {
        fstype: f'instance="web1:9100",device="{device}",fstype="{fstype}",mountpoint="/{fstype}"'
        for fstype, device in (("ext4", "/dev/sda1"), ("zfs", "tank/x"))
    }
    for free in (2.0**64, 9e9, 8e9):
        samples = {}
        for one in labels.values():
            samples[f"node_filesystem_avail_bytes{{{one}}}"] = free
            samples[f"node_filesystem_size_bytes{{{one}}}"] = 1e11
            samples[f"node_filesystem_readonly{{{one}}}"] = 0
            samples[f"node_filesystem_files{{{one}}}"] = 1e6
            samples[f"node_filesystem_files_free{{{one}}}"] = free / 1e5
        prometheus.expose(samples)
    found = told(prometheus, root)
    assert found["filesystem_free_ratio"] == {"web1:/ext4": pytest.approx(0.08)}
    for trend in ("seconds_to_full", "tomorrow", "inodes_tomorrow"):
        assert found[f"filesystem_{trend}"] == {}, trend
    assert found["pool_seconds_to_full"] == {}
