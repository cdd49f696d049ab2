"""The stock signals on other sites: each engine, slow scrapes, replicas, hosts named as hosts are."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from agent.collect import FrameBuffer, PrometheusSource
from agent.config.promql import metric_names
from agent.config.rulefiles import load_rules
from agent.config.sources import PrometheusSection
from tests.servers import everything
from tests.servers.debian import unpacked
from tests.servers.fleet import HOSTS, exposition, story
from tests.servers.golang import newest_prometheus
from tests.servers.process import wait_until
from tests.servers.prometheus import serving_blocks
from tests.servers.victoriametrics import running_victoriametrics

ENGINES = ["prometheus", "victoria", pytest.param("newest", marks=pytest.mark.newest)]
SITES = {"fast": (15.0, ()), "slow": (60.0, ()), "replicas": (60.0, ("a", "b"))}
# of each host one series with this value, by the labels that tell it from others
EXPECTED = {
    ("exporter_up", "9100"): 1,
    ("filesystem_free_ratio", "/"): 0.5,
    ("filesystem_free_ratio", "/tmp"): 0.9,
    ("filesystem_free_inodes_ratio", "/"): 0.5,
    ("filesystem_free_bytes", "/"): 50 * 2**30,
    ("filesystem_seconds_to_full", "/"): 1e9,
    ("pool_free_ratio", "/tank"): 50 / 240,
    ("pool_free_bytes", "/tank"): 50 * 2**30,
    ("pool_seconds_to_full", "/tank"): 1e9,
    ("dataset_free_ratio", "/tank/home/ann"): 0.1,
    ("dataset_free_bytes", "/tank/home/ann"): 10 * 2**30,
    ("host_memory_available", ""): 0.4,
    ("log_growth", "/var/log/shop.log"): 1e6,
    ("deleted_files_ratio", "/"): 0.3,
    ("lock_stale", "shop.service"): 0,
    ("config_valid", "nginx.service"): 1,
    ("release_age", "shop.service"): 900,
    ("unit_active", "nginx.service"): 1,
    ("unit_inactive", "backup.service"): 1,
    ("job_failed", "clean.service"): 1,
    ("unit_timed", "backup.service"): 1,
    ("units_told", ""): 1,
    ("unit_was_steady", "nginx.service"): 1,
    ("unit_restarts", "nginx.service"): 1,
    ("process_cpu_cores", "pg_dump"): 0.9,
    ("process_cpu_share", "pg_dump"): 0.45,
    ("process_cpu_usual", "pg_dump"): 1,
    ("process_open_files", "pg_dump"): 0.3,
    ("http_probe_success", "nginx.service"): 1,
    ("http_probe_status", "nginx.service"): 200,
    ("certificate_days", "nginx.service"): 5,
    ("backend_server_errors", "w1"): 0.9,
    ("backend_best_errors", "web"): 0.01,
    ("backend_queue", "web"): 3,
    ("backend_connections", "web"): 0.5,
    ("redis_linked", ""): 1,
}
ABSENT = {
    "filesystem_free_ratio": (
        "/var/lib/postgresql",
        "/srv/backup",
        "/media",
        "/run",
        "/home",
        "/work",
        "/tank",
    ),
    "pool_free_ratio": ("/tank/home", "/tank/home/ann"),
    "backend_connections": ("open",),
    "process_open_files": ("sshd",),
}
# what the fleet has metrics for, and no series
NOT_THERE = {"endpoint_answers", "timer_overdue", "timer_was_steady"}
ROUGH = ("process_cpu_usual",)  # the process began anew within the hour
TELLING = ("mountpoint", "path", "unit", "groupname", "server", "proxy", "port")


@pytest.fixture(scope="module", params=ENGINES)
def engine(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=SITES)
def site(request, engine, tmp_path_factory) -> Iterator[PrometheusSource]:
    scrape_s, replicas = SITES[request.param]
    folder = tmp_path_factory.mktemp(f"{engine}-{request.param}")
    now = float(int(time.time()))
    text = exposition(now, scrape_s, replicas)
    with ExitStack() as stack:
        if engine == "victoria":
            url = stack.enter_context(running_victoriametrics(folder))
            fill_victoria(url, text)
        else:
            binary = newest_prometheus() if engine == "newest" else None
            url = stack.enter_context(serving_blocks(folder, blocks(folder, text), binary))
        source = PrometheusSource(url, PrometheusSection().timeout)
        wait_until(lambda: len(source.query("up").values) == len(HOSTS), 60, "not there")
        yield source
        source.close()


def test_every_stock_signal_finds_what_it_asks_for(root, tmp_path):
    """Of the exporters of services too, which few sites have all of."""
    signals = load_rules([root / "rules"]).signals
    text = everything.exposition(signals.values(), float(int(time.time())))
    with serving_blocks(tmp_path, blocks(tmp_path, text), None) as url:
        source = PrometheusSource(url, PrometheusSection().timeout)
        wait_until(lambda: source.query("up").values, 60, "not there")
        poll = source.poll({id_: one.query for id_, one in signals.items()})
        source.close()
    assert poll.failed == {}
    # no exported file system, no quota, and no queue that nobody reads
    none = {"export_free_ratio", "dataset_free_ratio", "dataset_free_bytes", "queue_unread"}
    assert {id_ for id_ in signals if not poll.answers[id_].values} == none


def fill_victoria(url: str, text: str) -> None:
    """Its import takes milliseconds, and no end marker."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    body = "\n".join(f"{series} {round(float(at) * 1000)}" for series, at in lines)
    assert requests.post(f"{url}/api/v1/import/prometheus", data=body.encode(), timeout=60).ok
    requests.get(f"{url}/internal/force_flush", timeout=20)


def blocks(folder: Path, text: str) -> Path:
    file, data = folder / "metrics.txt", folder / "data"
    file.write_text(text)
    promtool = unpacked("prometheus") / "usr" / "bin" / "promtool"
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=48h", file, data]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return data


def test_every_stock_signal_says_the_same_on_every_site(root, engine, site):
    signals = load_rules([root / "rules"]).signals
    poll = site.poll({id_: one.query for id_, one in signals.items()})
    assert poll.failed == {}
    frame = FrameBuffer(signals, 10, 10_000).add(poll)
    assert frame.doubts == {}
    assert frame.partial == {}
    told = {metric.name for metric in story(0.0)}
    whole = {id_ for id_, one in signals.items() if told.issuperset(metric_names(one.query))}
    assert {id_ for id_ in whole if not len(frame.rows[id_])} == NOT_THERE
    for (signal, name), value in EXPECTED.items():
        found = dict.fromkeys(HOSTS, ())
        for row in frame.rows[signal]:
            labels = frame.series[row].labels
            if name in {labels.get(one, "") for one in TELLING} or not name:
                found[labels["host"]] = (*found[labels["host"]], round(float(frame.latest[row]), 3))
        near = pytest.approx(value, rel=0.25 if signal in ROUGH else 0.03)
        assert all(one == (near,) for one in found.values()), (signal, name, found)
    for signal, names in ABSENT.items():
        seen = {frame.series[row].labels.get(one) for row in frame.rows[signal] for one in TELLING}
        assert seen.isdisjoint(names), signal
    exports = [frame.series[row].labels for row in frame.rows["export_free_ratio"]]
    assert exports == [{"device": "gluster1:/work"}, {"device": "nas:/home"}]
