"""Twenty triggers at once on four hosts, beside twenty bare commands at their best parallelism.

``make bench-burst``. Neither side has a connection to the hosts when a burst begins: the agent's are closed
by then, and each burst of plain commands has its own. The agent has its default settings. Memory is that of
the whole process tree of the agent, sampled five times a second in a turn of its own, because adding up takes
time from those that are measured: the sum of all resident sets, and of the proportional ones, in which shared
pages count once.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from agent.config import load_settings
from agent.demo.hosts import Cluster
from agent.demo.image import node_image
from agent.records import Incident
from agent.store import Stores, open_stores
from tests.bench.alerts import AlertedAgent
from tests.bench.table import show
from tests.servers.prometheus import running_prometheus

TRIGGERS = 20
HOSTS = ("h1", "h2", "h3", "h4")
REPEATS = int(os.environ.get("REPEATS", "3"))
# after a burst the agent looks into its incidents; the plain command is not to be slowed by it
QUIET_S = 30.0


class Memory(threading.Thread):
    """Samples the memory of a process and all its descendants."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.resident = 0.0
        self.proportional = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        """Sample until told to stop."""
        while not self.over.wait(0.2):
            pids = _tree(self.pid)
            sizes = [_memory(pid) for pid in pids]
            self.resident = max(self.resident, sum(resident for resident, _ in sizes))
            self.proportional = max(self.proportional, sum(proportional for _, proportional in sizes))


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            found += _tree(int(child))
    return found


def _memory(pid: int) -> tuple[float, float]:
    """Return the resident and the proportional set of a process, in MiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.endswith(" kB")}
    return sizes.get("Rss", 0.0), sizes.get("Pss", 0.0)


def bare(agent: AlertedAgent, name: str, parallel: int) -> float:
    """Run twenty plain commands, so many at a time; return the seconds it took."""
    environment, tickets = agent.bare_environment(name), _tickets(name)

    def one(item: tuple[str, str]) -> None:
        command = agent.bare_command(*item)
        subprocess.run(command, env=environment, check=True, capture_output=True)

    began = time.monotonic()
    with ThreadPoolExecutor(parallel) as pool:
        list(pool.map(one, tickets.items()))
    return time.monotonic() - began


def ours(agent: AlertedAgent, stores: Stores, tickets: dict[str, str]) -> tuple[float, float]:
    """Send all triggers at once; return the seconds until all runs ended and until all are judged."""
    before = max((one.id for one in stores.incidents.list(limit=1)), default=0)
    began = time.time()  # what runs end by
    agent.send(tickets)
    new: list[Incident] = []
    while len(new) < TRIGGERS or not all(one.state.settled for one in new):
        assert time.time() < began + 120, (agent.folder / "agent.log").read_text()[-3000:]
        time.sleep(1)  # looking takes time from those that are looked at; when runs ended is in the store
        new = [one for one in stores.incidents.list(limit=TRIGGERS) if one.id > before]
    judged = time.time() - began
    runs = [run for one in new for run in stores.runs.of_incident(one.id)]
    assert len(runs) == TRIGGERS, f"{len(runs)} runs for {TRIGGERS} triggers"
    ends = [run.ended_at for run in runs if run.ended_at is not None]
    return max(ends).timestamp() - began, judged


def memory_of(agent: AlertedAgent, stores: Stores) -> Memory:
    """Return the most memory that a burst takes."""
    assert agent.process is not None
    memory = Memory(agent.process.pid)
    memory.start()
    ours(agent, stores, _tickets("m"))
    memory.over.set()
    memory.join()
    return memory


def main() -> None:
    """Measure in turns and print the table."""
    with tempfile.TemporaryDirectory() as name, running_prometheus(Path(name)) as prometheus:
        cluster = Cluster(f"opsmend-burst-{os.getpid()}", Path(name) / "cluster", node_image(print))
        with cluster:
            cluster.start(HOSTS)
            agent = AlertedAgent(Path(name) / "agent", cluster, prometheus)
            agent.start()
            stores = open_stores(load_settings(agent.folder / "opsmend.yml").database)
            times: dict[str, list[float]] = {}
            for repeat in range(REPEATS):
                for parallel in (2, 4, 8):
                    seconds = bare(agent, f"b{repeat}p{parallel}", parallel)
                    times.setdefault(f"bare, {parallel} at a time", []).append(seconds)
                took, verified = ours(agent, stores, _tickets(f"o{repeat}"))
                time.sleep(QUIET_S)
                times.setdefault("opsmend, all runs ended", []).append(took)
                times.setdefault("opsmend, all judged", []).append(verified)
            memory = memory_of(agent, stores)
            stores.close()
            agent.stop()
    plain = [values for what, values in times.items() if what.startswith("bare")]
    best, usual = min(map(min, plain)), min(map(median, plain))
    rows = [
        [
            what,
            *(f"{one:.1f}" for one in values),
            f"{min(values) / best:.2f}",
            f"{median(values) / usual:.2f}",
        ]
        for what, values in times.items()
    ]
    show(
        f"{TRIGGERS} triggers at once on {len(HOSTS)} hosts, seconds",
        ["what", *(str(n + 1) for n in range(REPEATS)), "best ratio", "median ratio"],
        rows,
    )
    print(
        f"memory of the whole tree: {memory.resident:.0f} MiB resident, "
        f"{memory.proportional:.0f} MiB proportional"
    )


def _tickets(prefix: str) -> dict[str, str]:
    return {f"{prefix}n{n}": HOSTS[n % len(HOSTS)] for n in range(TRIGGERS)}


if __name__ == "__main__":
    main()
