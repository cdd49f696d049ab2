"""The demo's faults: how each is caused by hand on a host, and how one sees there that it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.demo.cluster import SHOP_LOGS
from agent.demo.hosts import Host

_ROOM = 0.15  # of a file system, from which on it counts as free again
# on the host itself: systemd counts restarts within seconds, and a busy machine takes as long to get there
_KILL_UNTIL_FAILED = """
for _ in $(seq 600); do
  systemctl is-failed --quiet "$1" && exit 0
  systemctl is-active --quiet "$1" && systemctl kill --signal=SIGKILL "$1"
  sleep 0.05
done
echo "systemd did not give up on $1" >&2
exit 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFault:
    """One way to break a host. ``fault`` is what the agent should call it; it is never told."""

    title: str
    host: str
    fault: str
    inject: Callable[[Host], object]
    healed: Callable[[Host], bool]
    may_change: tuple[str, ...] = ()  # beginnings of paths that fault and repair may touch


def stop_service(unit: str) -> Callable[[Host], object]:
    """Stop a service, as a person does who forgets to start it again."""
    return lambda host: host.run("systemctl", "stop", unit)


def kill_until_systemd_gives_up(unit: str) -> Callable[[Host], object]:
    """Kill a service again and again until systemd restarts it no more."""
    return lambda host: host.run("sh", "-c", _KILL_UNTIL_FAILED, "kill", unit)


def hang_service(unit: str) -> Callable[[Host], object]:
    """Stop all processes of a service where they stand; for systemd it stays active."""
    return lambda host: host.run("systemctl", "kill", "--signal=SIGSTOP", unit)


def fill_file_system(folder: str) -> Callable[[Host], object]:
    """Fill a file system with logs that nobody removed."""
    return lambda host: host.run("fill-with-logs", folder)


def start_runaway(program: str) -> Callable[[Host], object]:
    """Start a program that takes whole processors and never ends, and a job that has to wait for a turn.

    Four of it for each processor, as of a job with far too many workers. On a host where nobody has work to
    do nobody suffers from them.
    """
    job = "setsid nohup index-job > /dev/null 2>&1 &"
    workers = f"for worker in $(seq $((4 * $(nproc)))); do setsid nohup {program} > /dev/null 2>&1 & done"
    return lambda host: host.run("sh", "-c", f"{job} {workers}")


def answers(host: Host) -> bool:
    """Return whether the web server of a host answers."""
    return host.succeeds("curl", "-sf", "--max-time", "1", "-o", "/dev/null", "http://127.0.0.1/")


def has_room(folder: str) -> Callable[[Host], bool]:
    """Return a test for free room on a file system where nothing but old logs is gone."""

    def test(host: Host) -> bool:
        size, free = host.run("df", "--output=size,avail", "-k", folder).split()[-2:]
        kept = all(host.succeeds("test", "-s", f"{folder}/{name}") for name in ("orders.csv", "shop.log"))
        return int(free) / int(size) > _ROOM and kept

    return test


def is_gone(process: str) -> Callable[[Host], bool]:
    """Return a test for a process that has ended."""
    return lambda host: not host.succeeds("pgrep", "-x", process)


FAULTS = (
    DemoFault(
        title="nginx stopped",
        host="web1",
        fault="service_down",
        inject=stop_service("nginx"),
        healed=answers,
    ),
    DemoFault(
        title="nginx killed until given up",
        host="web2",
        fault="service_start_limit",
        inject=kill_until_systemd_gives_up("nginx"),
        healed=answers,
    ),
    DemoFault(
        title="haproxy hangs",
        host="lb",
        fault="service_hung",
        inject=hang_service("haproxy"),
        healed=answers,
    ),
    DemoFault(
        title="log file system full",
        host="web2",
        fault="disk_full",
        inject=fill_file_system(SHOP_LOGS),
        healed=has_room(SHOP_LOGS),
        may_change=(f"{SHOP_LOGS}/shop.log", f"{SHOP_LOGS}/orders.csv"),
    ),
    DemoFault(
        title="process runs away",
        host="web1",
        fault="runaway_process",
        inject=start_runaway("report-job"),
        healed=is_gone("report-job"),
    ),
)
