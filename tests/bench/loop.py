"""How much the closed loop costs beside the bare command: a stopped service, both ways, turn by turn.

``make bench-loop``. Scrape and poll every second; the same playbook on the same host. Waits that rules and
remediations ask for on purpose (half a minute of patience, settle, hold) are taken out or told apart.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from agent.config import load_rules, load_settings
from agent.decide import load_catalog
from agent.demo.cluster import agent_environment, start_agent, start_cluster, stop_agent, write_agent_config
from agent.demo.hosts import Cluster, Host
from agent.demo.image import node_image
from agent.remediate.environment import ansible_environment
from agent.remediate.snapshot import ROLES
from agent.store import Stores, open_stores
from agent.wiring import load_definitions
from tests.bench.table import show, spread

ROOT = Path(__file__).resolve().parents[2]
TRIALS = int(os.environ.get("TRIALS", "15"))
UNIT = "nginx.service"


@contextmanager
def edited(file: Path) -> Iterator[Any]:
    """Yield the content of a YAML file and write it back."""
    content = yaml.safe_load(file.read_text())
    yield content
    file.write_text(yaml.safe_dump(content))


def unlimited_copy(folder: Path) -> Path:
    """Copy rules, playbooks and inventories, so that the same fault is healed again, and at once."""
    for name in ("rules", "playbooks", "inventories"):
        shutil.copytree(ROOT / name, folder / name)
    for file in folder.glob("playbooks/*/remediation.yml"):
        with edited(file) as content:
            content["limits"] = {"hosts": 1, "cooldown": "0s", "per_day": 1000}
            content["rollback"] = {"none": content["rollback"].get("none", "x")}
    with edited(folder / "rules" / "policy.yml") as policy:
        policy["guards"]["flapping"]["times"] = 1000  # healed again and again is what is measured here
    with edited(folder / "rules" / "diagnosis" / "service.yml") as diagnosis:
        for rule in diagnosis["rules"]:  # how long a rule waits on purpose is no cost of the loop
            for condition in rule["when"]["all"]:
                condition.pop("for", None)
    load_catalog([folder / "playbooks"], load_rules([folder / "rules"]).faults)
    return folder


def wait(condition: Callable[[], object], timeout_s: float = 60) -> None:
    """Wait for something to become true."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > timeout_s:
            sys.exit("it did not happen within a minute")
        time.sleep(0.1)


def active_since(host: Host) -> float:
    """Return since when the unit is active, on this machine's monotonic clock.

    Asking the host all the time whether it is would take the processor from those who repair it.
    """
    return int(host.run("systemctl", "show", UNIT, "-p", "ActiveEnterTimestampMonotonic", "--value")) / 1e6


def bare(host: Host, cluster: Cluster, root: Path) -> float:
    """Stop the service and start it with the bare command; return the seconds the command took."""
    host.run("systemctl", "stop", UNIT)
    command = ["ansible-playbook", "-i", str(root / "inventories" / "demo"), "--limit", host.name]
    command += ["-e", f"service_unit={UNIT}", str(root / "playbooks" / "restart_service" / "playbook.yml")]
    environment = {
        **agent_environment(cluster),
        **ansible_environment(search={ROLES: [root / "playbooks" / "roles"]}),
    }
    begin = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    took = time.monotonic() - begin
    assert active_since(host) > begin
    return took


def healed(host: Host, stores: Stores) -> tuple[float, float]:
    """Stop the service and wait for the agent; return seconds to the fix, and from run's end to verdict."""
    known = len(stores.incidents.list(limit=10_000))
    time.sleep(random.random())  # the phase of scrapes and polls is not ours to choose
    begin = time.monotonic()
    host.run("systemctl", "stop", UNIT)
    wait(lambda: len(stores.incidents.list(limit=10_000)) > known)
    incident = stores.incidents.list(limit=1)[0]
    wait(lambda: stores.incidents.get(incident.id).state.final)
    (run,) = stores.runs.of_incident(incident.id)
    assert run.verdict == "recovered", run
    assert run.verified_at is not None
    assert run.ended_at is not None
    return active_since(host) - begin, (run.verified_at - run.ended_at).total_seconds()


def main() -> None:
    """Measure both, in turn, and print the table."""
    folder = Path(tempfile.mkdtemp(prefix="opsmend-bench-"))
    root = unlimited_copy(folder / "files")
    with Cluster(f"opsmend-bench-{os.getpid()}", folder / "cluster", node_image(print)) as cluster:
        url = start_cluster(cluster)
        config = write_agent_config(cluster, url, root)
        os.environ.update(agent_environment(cluster))
        settings = load_settings(config)
        verify = load_definitions(settings).catalog["restart_service"].file.verify
        bares: list[float] = []
        fixes: list[float] = []
        verdicts: list[float] = []
        host = cluster.hosts["web1"]
        bare(host, cluster, root)  # the first one compiles and connects
        for _ in range(TRIALS):
            time.sleep(2.5)  # systemd refuses more than five starts in ten seconds
            bares.append(bare(host, cluster, root))
        agent = start_agent(cluster, config)
        stores = open_stores(settings.database)
        try:
            for trial in range(TRIALS):
                print(f"\r{trial + 1} of {TRIALS}", end="", flush=True)
                fixed, verified = healed(host, stores)
                fixes.append(fixed)
                verdicts.append(verified)
        finally:
            stop_agent(agent)
            stores.close()
    shutil.rmtree(folder, ignore_errors=True)
    waits = (verify.settle + verify.hold).total_seconds()
    more = statistics.median(fixes) - statistics.median(bares)
    over = statistics.median(verdicts) - waits
    print(f"\r{datetime.now(UTC):%H:%M:%S} done")
    show(
        f"restart_service on a stopped nginx, {TRIALS} times each, scrape 1 s, poll 1 s",
        ["what", "median (smallest to largest)", "more than", "by", "allowed"],
        [
            ["bare ansible-playbook", spread(bares), "", "", ""],
            ["opsmend: stopped → active again", spread(fixes), "bare", f"{more:.2f} s", "2 s"],
            ["opsmend: run ended → verified", spread(verdicts), f"waits {waits:g} s", f"{over:.2f} s", "5 s"],
        ],
    )


if __name__ == "__main__":
    main()
