"""What exporters of a small fleet have told so far, as text that a Prometheus or VictoriaMetrics takes in.

Three hosts that are named as hosts are: by domain, by an IPv6 address, in upper case with a final dot. What
each metric says is a function of the time, so that any scrape interval gives the same story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

HOSTS = {
    "web1.example.test": "web1.example.test:9100",
    "2001:db8::24": "[2001:db8::24]:9100",
    "web3": "WEB3.:9100",
}
DAY_S = 86_400
_KERNEL_MODES = ("system", "softirq", "steal", "iowait")
_STATES = ("active", "inactive", "failed")
_FS = 'device="{device}",fstype="{fstype}",mountpoint="{mountpoint}"'

Value = Callable[[float], float | None]


@dataclass(frozen=True)
class Metric:
    """A series without the labels of its target, and what it says at a time before now, in seconds."""

    name: str
    labels: str
    at: Value
    job: str = "node"
    day_before: bool = False


def constant(value: float) -> Value:
    """Return what always says the same."""
    return lambda ago: value


def counter(per_s: float, began_ago: float = 10 * DAY_S, reset_ago: float = -1.0) -> Value:
    """Return what counts, and began anew at one time."""
    return lambda ago: per_s * ((began_ago if ago > reset_ago else reset_ago) - ago)


def story(now: float) -> list[Metric]:
    """Return everything that one host's exporters tell."""
    return [
        Metric("up", "", constant(1)),
        *_file_system("/dev/sda1", "ext4", "/", 0.5),
        *_file_system("/dev/sda1", "ext4", "/var/lib/postgresql", 0.5),
        *_file_system("/dev/sda1", "ext4", "/srv/backup", 0.5),
        *_file_system("rootfs", "rootfs", "/", 0.5),
        *_file_system("tmpfs", "tmpfs", "/tmp", 0.9),
        *_file_system("tmpfs", "tmpfs", "/run", 0.9),
        *_file_system("/dev/sr0", "iso9660", "/media", 0.0, readonly=1),
        *_file_system("nas:/home", "nfs4", "/home", 0.01),
        *_file_system("gluster1:/work", "fuse.glusterfs", "/work", 0.02),
        *_file_system("tank", "zfs", "/tank", 0.5),
        *_file_system("tank/home", "zfs", "/tank/home", 0.5),
        *_file_system("tank/home/ann", "zfs", "/tank/home/ann", 0.1),
        *_host(now),
        *_units(),
        *_others(now),
    ]


def _file_system(
    device: str, fstype: str, mountpoint: str, free: float, readonly: float = 0
) -> Iterator[Metric]:
    labels = _FS.format(device=device, fstype=fstype, mountpoint=mountpoint)
    size = 100 * 2**30
    for name, value in (
        ("avail_bytes", free * size),
        ("size_bytes", size),
        ("files", 1e6),
        ("files_free", free * 1e6),
        ("readonly", readonly),
    ):
        yield Metric(f"node_filesystem_{name}", labels, constant(value))


def _host(now: float) -> Iterator[Metric]:
    ahead = 3600.0  # the host's clock
    yield Metric("node_time_seconds", "", lambda ago: now - ago + ahead)
    yield Metric(
        "node_textfile_mtime_seconds", 'file="/var/lib/x/opsmend.prom"', lambda ago: now - ago + ahead - 10
    )
    for cpu in ("0", "1"):
        for mode, share in (("idle", 0.5), ("user", 0.46), *((one, 0.01) for one in _KERNEL_MODES)):
            yield Metric("node_cpu_seconds_total", f'cpu="{cpu}",mode="{mode}"', counter(share))
    yield Metric("node_memory_MemAvailable_bytes", "", constant(8e9))
    yield Metric("node_memory_MemTotal_bytes", "", constant(16e9))
    for name, labels, value in (
        ("memory_available_ratio", "", 0.4),
        ("deleted_bytes", 'mountpoint="/"', 30 * 2**30),
        ("lock_stale", 'unit="shop.service"', 0),
        ("port_taken", 'unit="shop.service",port="8080"', 0),
        ("config_valid", 'unit="nginx.service"', 1),
        ("release_current", 'unit="shop.service",release="2.1"', 1),
        ("release_age_seconds", 'unit="shop.service"', 900),
        ("backend_drained", 'proxy="web",server="w1"', 0),
    ):
        yield Metric(f"opsmend_host_{name}", labels, constant(value))
    yield Metric("opsmend_host_log_bytes", 'path="/var/log/shop.log"', counter(1e6, 3600.0))


def _units() -> Iterator[Metric]:
    for name, type_, state in (
        ("nginx.service", "forking", "active"),
        ("backup.service", "simple", "inactive"),
        ("clean.service", "oneshot", "failed"),
    ):
        for each in _STATES:
            labels = f'name="{name}",state="{each}",type="{type_}"'
            yield Metric("node_systemd_unit_state", labels, constant(float(each == state)))
    yield Metric("node_systemd_timer_last_trigger_seconds", 'name="backup.timer"', constant(1e9))
    # 56 restarts long ago; somebody starts it, and it fails once
    restarts = lambda ago: 56.0 if ago > 400 else float(ago < 200)  # noqa: E731
    yield Metric("node_systemd_service_restart_total", 'name="nginx.service"', restarts)


def _others(now: float) -> Iterator[Metric]:
    cpu = 'groupname="pg_dump",mode="{}"'
    for mode, share in (("user", 0.6), ("system", 0.3)):
        yield Metric(
            "namedprocess_namegroup_cpu_seconds_total",
            cpu.format(mode),
            counter(share, reset_ago=DAY_S - 300.0),
            day_before=True,
        )
    yield Metric("namedprocess_namegroup_worst_fd_ratio", 'groupname="pg_dump"', constant(0.3))
    yield Metric("namedprocess_namegroup_worst_fd_ratio", 'groupname="sshd"', constant(7))
    probe = 'unit="nginx.service"'
    for name, value in (
        ("probe_success", 1.0),
        ("probe_http_status_code", 200.0),
        ("probe_duration_seconds", 0.2),
    ):
        yield Metric(name, probe, constant(value))
    # the prober saw the certificate until ten minutes ago
    yield Metric("probe_ssl_earliest_cert_expiry", probe, lambda ago: now + 5 * DAY_S if ago > 600 else None)
    for server, errors in (("w1", 9.0), ("w2", 0.1)):
        labels = f'proxy="web",server="{server}"'
        yield Metric("haproxy_server_http_responses_total", f'{labels},code="5xx"', counter(errors))
        yield Metric("haproxy_server_http_responses_total", f'{labels},code="2xx"', counter(10 - errors))
        yield Metric("haproxy_server_check_status", f'{labels},state="L7OK"', constant(1))
        yield Metric("haproxy_server_current_sessions", labels, constant(5))
        yield Metric("haproxy_server_limit_sessions", labels, constant(10))
        unlimited = f'proxy="open",server="{server}"'
        yield Metric("haproxy_server_current_sessions", unlimited, constant(500))
        yield Metric("haproxy_server_limit_sessions", unlimited, constant(0 if server == "w1" else 10))
    yield Metric("haproxy_backend_current_queue", 'proxy="web"', constant(3))
    yield Metric("redis_master_link_up", "", constant(1))


def exposition(now: float, scrape_s: float, replicas: Sequence[str] = ()) -> str:
    """Return all samples of all hosts until now as OpenMetrics text, times in seconds."""
    lines = []
    for metric in sorted(story(now), key=lambda one: one.name):
        for instance in HOSTS.values():
            for replica in replicas or ("",):
                own = [f'instance="{instance}"', f'job="{metric.job}"']
                own += [f'replica="{replica}"'] if replica else []
                labels = ",".join([*own, *([metric.labels] if metric.labels else [])])
                lines += _samples(metric, labels, now, scrape_s)
    return "\n".join([*lines, "# EOF", ""])


def _samples(metric: Metric, labels: str, now: float, scrape_s: float) -> Iterator[str]:
    ages = [*_ages(DAY_S + 2400.0, DAY_S - 2400.0, 60.0)] if metric.day_before else []
    for ago in (*ages, *_ages(2400.0, 0.0, scrape_s)):
        value = metric.at(ago)
        if value is not None:
            yield f"{metric.name}{{{labels}}} {value!r} {now - ago:.3f}"


def _ages(first: float, last: float, step: float) -> Iterator[float]:
    age = first
    while age >= last:
        yield age
        age -= step
