"""Many runs in a row on a real host, some cancelled and some out of time: nothing may grow.

``python -m tests.acceptance.many_runs --runs 500``, as root. Prints what is counted every so many runs; exit
code 1 when the last quarter has more of anything than the first.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import timedelta
from pathlib import Path

from agent.demo.hosts import Cluster
from agent.demo.image import node_image
from agent.reasons import Reason
from agent.records import RunState
from tests.operator.hosts import HostSite

SLEEP = 7301  # seconds; also how the commands are found again
EVERY = 10  # runs between two counts
# of each: one more than at first may be a thing in passing, as a connection that is about to end
SLACK = 2


@dataclass(frozen=True, slots=True)
class Count:
    """What there is at one time, here and on the host."""

    descriptors: int
    threads: int
    children: int
    masters: int
    files: int
    sessions: int
    on_host: int
    leftovers: int


class Soak:
    """Runs one playbook again and again."""

    def __init__(self, site: HostSite) -> None:
        self.site = site
        task = {"name": "Work", "ansible.builtin.command": "sleep {{ seconds }}", "become": True}
        site.playbook([task])
        self.states: Counter[RunState] = Counter()
        self.not_known = 0

    def run(self, number: int) -> None:
        """Run once: three of five end well, one is cancelled, one runs out of time."""
        kind = number % 5
        seconds, timeout = (0, 60) if kind < 3 else (SLEEP, 5 if kind == 4 else 60)
        until = time.monotonic() + 4
        ended = self.site.run(
            "web1",
            canceled=lambda: kind == 3 and time.monotonic() > until,
            timeout=timedelta(seconds=timeout),
            parameters={"seconds": seconds},
        )
        wanted = {3: RunState.CANCELED, 4: RunState.TIMED_OUT}.get(kind, RunState.SUCCEEDED)
        self.states[ended.state] += 1
        if ended.reason is Reason.LEFTOVERS_UNKNOWN:
            print(f"run {number}: {ended.detail}", flush=True)
            self.not_known += 1
        assert ended.state is wanted, f"run {number}: {ended.state}, {ended.reason}: {ended.detail}"

    def count(self) -> Count:
        """Count what is there now."""
        host = self.site.cluster.hosts["web1"]
        commands = [file.read_bytes() for file in _readable(Path("/proc").glob("[0-9]*/cmdline"))]
        folder = os.fsencode(self.site.folder)
        return Count(
            descriptors=len(os.listdir("/proc/self/fd")),  # noqa: PTH208
            threads=threading.active_count(),
            children=len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
            masters=sum(folder in one and b"[mux]" in one for one in commands),
            files=sum(1 for _ in (self.site.folder / "run").rglob("*")),
            sessions=int(host.run("sh", "-c", "pgrep -c -f '^sshd: ops' || true")),
            on_host=int(host.run("sh", "-c", "ps -e --no-headers | wc -l")),
            leftovers=int(host.run("sh", "-c", f"pgrep -c -f '[s]leep {SLEEP}' || true")),
        )


def _readable(files: Iterator[Path]) -> Iterator[Path]:
    for file in files:
        if os.access(file, os.R_OK) and file.exists():
            yield file


def grown(counts: Sequence[Count]) -> list[str]:
    """Return what there is more of in the last quarter than in the first."""
    quarter = max(1, len(counts) // 4)
    found = []
    for field in fields(Count):
        first, last = (
            statistics.median(getattr(one, field.name) for one in part)
            for part in (counts[:quarter], counts[-quarter:])
        )
        if last > first + SLACK:
            found.append(f"{field.name}: {first:g} at first, {last:g} at last")
    return found


def main() -> int:
    """Run, count, and say whether anything grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    told = parser.parse_args()
    counts: list[Count] = []
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="opsmend-many-runs-") as folder,
        Cluster(f"opsmend-many-runs-{os.getpid()}", Path(folder) / "cluster", node_image(print)) as cluster,
    ):
        cluster.start(["web1"])
        (Path(folder) / "site").mkdir()
        soak = Soak(HostSite(Path(folder) / "site", cluster))
        print("runs", *(field.name for field in fields(Count)), sep="\t")
        for number in range(told.runs):
            soak.run(number)
            if number % EVERY == EVERY - 1:
                counts.append(soak.count())
                print(number + 1, *astuple(counts[-1]), sep="\t", flush=True)
    said = ", ".join(f"{count} {state.value}" for state, count in sorted(soak.states.items()))
    print(f"{told.runs} runs in {time.monotonic() - began:.0f} s: {said}")
    print(f"after {soak.not_known} of them nobody could say that nothing was left")
    problems = grown(counts)
    print(*problems or ["nothing grew"], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
