"""From a trigger over HTTP to the first task on the host, beside the bare command, turn by turn.

``make bench-trigger``. Both times end at what the task itself writes on the host, by the same clock. Where
ansible-rulebook is installed (``pip install ansible-rulebook``, a Java 17) its figure stands beside.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests
import yaml

from agent.demo.hosts import Cluster, Host
from agent.demo.image import node_image
from tests.bench.alerts import AlertedAgent
from tests.bench.table import show, spread
from tests.servers.process import free_port, wait_until
from tests.servers.prometheus import running_prometheus

TRIALS = int(os.environ.get("TRIALS", "15"))
# after the trigger: the run has ended and was judged. Asking the host earlier, again and again, would take
# a processor from the run; nobody asks while the plain command runs either
LOOKED_AT_S = 4.0


def first_task(host: Host, ticket: str) -> float:
    """Return when the first task ran, in unix seconds, once it has."""
    wait_until(lambda: host.succeeds("test", "-s", f"/run/mend-{ticket}"), 60)
    return float(host.run("cat", f"/run/mend-{ticket}"))


def bare(agent: AlertedAgent, host: Host, ticket: str) -> float:
    """Run the plain command; return the seconds from its start to its first task on the host."""
    began = time.time()
    command = agent.bare_command(ticket, host.name)
    subprocess.run(command, env=agent.bare_environment(), check=True, capture_output=True)
    return first_task(host, ticket) - began


def ours(agent: AlertedAgent, host: Host, ticket: str) -> float:
    """Send a trigger; return the seconds from sending to the first task on the host."""
    began = time.time()
    agent.send({ticket: host.name})
    time.sleep(LOOKED_AT_S)
    return first_task(host, ticket) - began


@contextlib.contextmanager
def rulebook(agent: AlertedAgent) -> Iterator[str | None]:
    """Run ansible-rulebook with a webhook that runs the same playbook; yields its URL, or None."""
    program = shutil.which("ansible-rulebook")
    if program is None:
        yield None
        return
    port = free_port()
    rules = {
        "name": "tickets",
        "hosts": "all",
        "sources": [{"eda.builtin.webhook": {"host": "127.0.0.1", "port": port}}],
        "rules": [
            {
                "name": "ticket",
                "condition": "event.payload.ticket is defined",
                "actions": [
                    {
                        "run_playbook": {
                            "name": str(agent.folder / "playbooks" / "mend" / "playbook.yml"),
                            "extra_vars": {"ticket": "{{ event.payload.ticket }}"},
                        }
                    }
                ],
            }
        ],
    }
    file = agent.folder / "rulebook.yml"
    file.write_text(yaml.safe_dump([rules]))
    log = (agent.folder / "rulebook.log").open("wb")
    command = [program, "--rulebook", str(file), "-i", str(agent.folder / "hosts.yml")]
    process = subprocess.Popen(command, stdout=log, stderr=log, env=agent.bare_environment())
    try:
        time.sleep(15)
        yield f"http://127.0.0.1:{port}/endpoint"
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def main() -> None:
    """Measure in turns and print the table."""
    with tempfile.TemporaryDirectory() as name, running_prometheus(Path(name)) as prometheus:
        cluster = Cluster(f"opsmend-trigger-{os.getpid()}", Path(name) / "cluster", node_image(print))
        with cluster:
            cluster.start(["h1"])
            host = cluster.hosts["h1"]
            agent = AlertedAgent(Path(name) / "agent", cluster, prometheus)
            agent.start()
            bare(agent, host, "warm0")
            ours(agent, host, "warm1")
            bares, trigger, rules = [], [], []
            with rulebook(agent) as url:
                for trial in range(TRIALS):
                    bares.append(bare(agent, host, f"b{trial}"))
                    trigger.append(ours(agent, host, f"o{trial}"))
                    if url:
                        began = time.time()
                        requests.post(url, json={"ticket": f"r{trial}"}, timeout=10).raise_for_status()
                        time.sleep(LOOKED_AT_S)
                        rules.append(first_task(host, f"r{trial}") - began)
            agent.stop()
    middle = statistics.median(bares)
    rows = [["bare ansible-playbook", spread(bares), "1.00"]]
    ratio = f"{statistics.median(trigger) / middle:.2f}"
    rows.append(["opsmend, from the HTTP request", spread(trigger), ratio])
    if rules:
        ratio = f"{statistics.median(rules) / middle:.2f}"
        rows.append(["ansible-rulebook, from the HTTP request", spread(rules), ratio])
    show(f"start to first task on the host, {TRIALS} turns", ["what", "median (range)", "ratio"], rows)


if __name__ == "__main__":
    main()
