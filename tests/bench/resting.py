"""What the agent needs while nothing happens: memory and CPU with 1,000 series and with more.

``make bench-resting``. CPU is compared with fetching and parsing the same answer alone, in one run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from agent.livestatus import read_live_status
from tests.bench.table import show
from tests.servers.process import wait_until
from tests.servers.prometheus import Prometheus, running_prometheus

SIZES = [int(size) for size in os.environ.get("SERIES", "1000 10000 50000").split()]
POLLS = int(os.environ.get("POLLS", "40"))
BARE = """
import sys, time, requests, orjson
session = requests.Session()
began = time.process_time()
for _ in range({polls}):
    body = session.post("{url}/api/v1/query", data={{"query": "load"}}).content
    result = orjson.loads(body)["data"]["result"]
    assert len(result) == {size}
    time.sleep(0.2)
print(time.process_time() - began)
"""


def files(folder: Path, url: str) -> Path:
    """Write an agent that watches one signal with every series, and can do nothing."""
    signal = {"id": "load", "summary": "s", "query": "load", "role": "saturation", "entity": "{instance}"}
    rule = {
        "id": "r",
        "fault": "high",
        "entity": "{instance}",
        "confidence": 0.9,
        "when": {"signal": "load", "above": 1e9},
        "evidence": "e",
    }
    for name, content in (
        ("rules/signals/a.yml", {"signals": [signal]}),
        ("rules/faults.yml", {"faults": [{"id": "high", "summary": "s"}]}),
        ("rules/diagnosis/a.yml", {"rules": [rule]}),
        ("rules/policy.yml", {"roles": {}, "remediations": []}),
        ("hosts.yml", {"all": {"hosts": {"a": None}}}),
        (
            "opsmend.yml",
            {
                "agent": {"mode": "observe", "state_dir": "state", "runtime_dir": "run"},
                "paths": {"rules": "rules", "playbooks": "playbooks", "inventory": "hosts.yml"},
                "collect": {"poll": "1s", "history": "4m", "prometheus": {"url": url, "timeout": "30s"}},
            },
        ),
    ):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(content))
    shutil.copy(Path(__file__).parents[2] / "rules" / "policy.yml", folder / "rules")
    (folder / "playbooks").mkdir()
    (folder / "state").mkdir()
    return folder / "opsmend.yml"


def measure(prometheus: Prometheus, size: int) -> list[str]:
    """Run the agent for some polls and return its row of the table."""
    samples = {f'load{{instance="host{n // 50}",part="p{n % 50}"}}': float(n % 97) for n in range(size)}
    prometheus.expose(samples, timeout_s=60)
    bare = float(
        subprocess.run(
            [sys.executable, "-c", BARE.format(url=prometheus.url, polls=POLLS, size=size)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = files(folder, prometheus.url)
        command = [sys.executable, "-m", "agent.cli.main", "run", "-c", str(config)]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:

            def polls() -> int:
                return int((read_live_status(folder / "run") or {"polls": 0})["polls"])

            wait_until(lambda: polls() >= 5, 60, lambda: (folder / "log").read_text())
            first, cpu = polls(), cpu_seconds(process.pid)
            wait_until(lambda: polls() >= first + POLLS, POLLS * 10)
            per_poll = (cpu_seconds(process.pid) - cpu) / (polls() - first)
            memory = memory_mib(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)
            log.close()
    bare_poll = bare / POLLS
    return [
        f"{size:,}",
        f"{memory:.1f} MiB",
        f"{bare_poll * 1000:.1f} ms",
        f"{per_poll * 1000:.1f} ms",
        f"{per_poll / bare_poll:.2f}",
    ]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def main() -> None:
    """Measure every size and print the table."""
    with tempfile.TemporaryDirectory() as name, running_prometheus(Path(name), scrape="2s") as prometheus:
        rows = [measure(prometheus, size) for size in SIZES]
    show(
        f"resting agent, one poll a second, {POLLS} polls",
        ["series", "resting RSS", "fetch and parse alone (CPU)", "whole agent (CPU per poll)", "ratio"],
        rows,
    )


if __name__ == "__main__":
    main()
