"""Kill the agent at a random moment between trigger and verdict, again and again, and count what it costs.

``make test-crash`` (TRIALS=300), or ``python -m tests.integration.crash --trials 300``. A trigger is an
alert handed in over HTTP; the playbook is real, leaves a trace of every start, and does its work in the
middle of three tasks. Every third ticket is one that the playbook cannot mend: it fails half way and is
rolled back, so that kills hit rollbacks too. Afterwards no acknowledged trigger may be lost, nothing may have
been started twice, every incident must be settled, no host left locked and the audit intact.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests
from rich.console import Console
from rich.progress import track

from agent.records import Incident
from agent.store import Stores
from tests.integration.workshop import TOKEN, Workshop, webhook
from tests.servers.process import wait_until
from tests.servers.prometheus import running_prometheus

RULE = {
    "rules": [
        {
            "id": "ticket",
            "fault": "broken",
            "entity": "{host}:{ticket}",
            "confidence": 0.95,
            "when": {"alert": "Ticket"},
            "evidence": "ticket {ticket} on {host}",
        }
    ]
}
HOPELESS = "hopeless"  # begins the name of a ticket that the playbook cannot mend
_SETTLE_TIMEOUT_S = 90
_ROLLBACK_TIMEOUT_S = 20


@dataclass
class Result:
    """What all trials cost."""

    trials: int = 0
    acknowledged: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    not_rolled_back: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    killed_in: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    audit: str = ""

    @property
    def good(self) -> bool:
        """Return whether nothing was lost, doubled or left, and the audit is intact."""
        left = self.lost or self.twice or self.unsettled or self.not_rolled_back or self.locked
        return not (left or self.audit)


class Trials:
    """The agent, its world, and a sender of alerts that repeats until it is told that they are taken."""

    def __init__(self, workshop: Workshop, seed: int) -> None:
        self.workshop = workshop
        self.random = random.Random(seed)
        self.trace = workshop.folder / "trace"
        self.done = workshop.folder / "done"
        self.done.mkdir()
        self.tickets: list[str] = []
        self.result = Result()
        self._resolved: set[str] = set()
        self._prepare()
        self.process: subprocess.Popen[bytes] | None = None
        self.enough = threading.Event()
        self._stop = threading.Event()
        self._resolver = threading.Thread(target=self._resolve, daemon=True)

    def run(self, count: int) -> Result:
        """Run so many trials, or until there are ``enough``, and return what they cost."""
        self.start_agent()
        self._resolver.start()
        stores = self.workshop.stores()
        try:
            for number in track(range(count), "trials", console=Console(stderr=True)):
                if self.enough.is_set():
                    break
                self.trial(number, stores)
                self.result.trials += 1
            self._judge(stores)
        finally:
            self._stop.set()
            self._resolver.join()
            stores.close()
            self.stop_agent()
        return self.result

    def trial(self, number: int, stores: Stores) -> None:
        """Send some triggers, kill, start again, wait until all is settled."""
        count = self.random.choice((1, 1, 2, 4))
        tickets = [f"{HOPELESS if (number + n) % 3 == 2 else 't'}{number}x{n}" for n in range(count)]
        self.tickets += tickets
        for ticket in tickets:
            if self.send(ticket, "firing"):
                self.result.acknowledged.add(ticket)
        if tickets[0].startswith(HOPELESS) and self.random.random() < 0.6:
            self._wait_for_a_rollback(stores)
        time.sleep(self.random.uniform(0, 3.2))
        assert self.process is not None
        self.result.killed_in.update(self._phases(stores))
        self.process.kill()
        self.process.wait()
        if self.random.random() < 0.2:  # a second crash soon after the start
            self.start_agent(wait=False)
            time.sleep(self.random.uniform(0, 1.5))
            self.process.kill()
            self.process.wait()
        self.start_agent()
        self._wait_until_settled(stores, tickets)
        for ticket in tickets:  # people mend what the agent gave to them
            (self.done / ticket).touch()

    def send(self, ticket: str, status: str) -> bool:
        """Hand in an alert; return whether it was acknowledged."""
        labels = {"alertname": "Ticket", "host": self._host(ticket), "ticket": ticket}
        started = "2026-01-01T00:00:00Z"
        alert = {"labels": labels, "fingerprint": ticket, "status": status, "startsAt": started}
        with suppress(requests.RequestException):
            headers = {"Authorization": f"Bearer {TOKEN}"}
            url = f"{self.url}/api/v1/alerts"
            return requests.post(url, json=webhook(alert), headers=headers, timeout=5).status_code == 200
        return False

    def start_agent(self, wait: bool = True) -> None:
        """Start the agent."""
        mark = len(self.workshop.log()) if (self.workshop.folder / "agent.log").exists() else 0
        self.process = self.workshop.start()
        if wait:
            wait_until(lambda: "port opened" in self.workshop.log()[mark:], 60, self.workshop.log)

    def stop_agent(self) -> None:
        """Stop the agent in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def _prepare(self) -> None:
        workshop = self.workshop
        workshop.write("rules/diagnosis/test.yml", RULE)
        self.url = workshop.api()
        echo = "echo {what} {{{{ ticket }}}} >> " + str(self.trace)
        command = "ansible.builtin.command"
        workshop.remediation(
            "mend",
            [
                {"name": "Begin", command: {"argv": ["sh", "-c", echo.format(what="begin")]}},
                {
                    "name": "Work",
                    command: {"argv": ["touch", f"{self.done}/{{{{ ticket }}}}"]},
                    "when": f"'{HOPELESS}' not in ticket",
                },
                {
                    "name": "Fail half way",
                    "ansible.builtin.fail": {"msg": "no"},
                    "when": f"'{HOPELESS}' in ticket",
                },
                {"name": "End", command: {"argv": ["sh", "-c", echo.format(what="end")]}},
            ],
            rollback={"playbook": "undo.yml", "on": ["step_failed"]},
            parameters={"ticket": {"type": "string", "from": "ticket", "pattern": "[a-z0-9]+"}},
            limits={"cooldown": "0s", "per_day": 1000},  # hundreds of trials are one day
            verify={
                "settle": "100ms",
                "hold": "300ms",
                "within": "4s",
                "checks": [
                    {"query": 'test_done{ticket="{ticket}"}', "equals": 1},
                    {"anomalies": "closed"},
                ],
            },
        )
        undo = "sleep 0.5; " + echo.format(what="undo")
        workshop.playbook("mend", "undo.yml", [{"name": "Undo", command: {"argv": ["sh", "-c", undo]}}])
        workshop.policy(
            guards={
                "flapping": {"times": 1000},
                "storm": {"incidents": 10_000},
                "circuit": {"failures": 1000},
                "blast_radius": {"hosts": 1000},
            }
        )
        workshop.prometheus.exporter.live = self._samples

    def _samples(self) -> dict[str, float]:
        recent = self.tickets[-50:]
        done = {f'test_done{{ticket="{one}"}}': float((self.done / one).exists()) for one in recent}
        return {**done, **{f'test_healthy{{host="{host}"}}': 1.0 for host in self.workshop.hosts}}

    def _host(self, ticket: str) -> str:
        return self.workshop.hosts[int(ticket.rsplit("x", 1)[1]) % len(self.workshop.hosts)]

    def _resolve(self) -> None:
        """Resolve the alerts of tickets that are done, again until it is acknowledged."""
        while not self._stop.wait(0.1):
            for ticket in self.tickets:
                if ticket not in self._resolved and (self.done / ticket).exists():
                    if not self.send(ticket, "resolved"):
                        break
                    self._resolved.add(ticket)

    def _wait_until_settled(self, stores: Stores, tickets: list[str]) -> None:
        wanted = set(tickets) & self.result.acknowledged
        deadline = time.monotonic() + _SETTLE_TIMEOUT_S
        while time.monotonic() < deadline:
            found = self._by_ticket(stores)
            if all(t in found and all(one.state.settled for one in found[t]) for t in wanted):
                return
            time.sleep(0.1)
        self.result.late += sorted(wanted)

    def _wait_for_a_rollback(self, stores: Stores) -> None:
        deadline = time.monotonic() + _ROLLBACK_TIMEOUT_S
        while "rolling_back" not in self._phases(stores) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _phases(self, stores: Stores) -> list[str]:
        return [stores.runs.get(run_id).phase.value for run_id in stores.runs.unfinished()]

    def _by_ticket(self, stores: Stores) -> dict[str, list[Incident]]:
        found: dict[str, list[Incident]] = {}
        for incident in stores.incidents.list(limit=100_000):
            found.setdefault(incident.entity.split(":", 1)[1], []).append(incident)
        return found

    def _judge(self, stores: Stores) -> None:
        result = self.result
        found = self._by_ticket(stores)
        result.lost = sorted(result.acknowledged - found.keys())
        lines = self.trace.read_text().split("\n") if self.trace.exists() else []
        begins = Counter(line.split()[1] for line in lines if line.startswith("begin "))
        result.twice = sorted(ticket for ticket, count in begins.items() if count > 1)
        for ticket, incidents in found.items():
            for incident in incidents:
                result.states[incident.state.value] += 1
                if not incident.state.settled:
                    result.unsettled.append(f"{ticket}: {incident.state.value}")
        undone = {line.split()[1] for line in lines if line.startswith("undo ")}
        result.not_rolled_back = sorted(one for one in begins if HOPELESS in one and one not in undone)
        result.locked = sorted(stores.history.busy_hosts())
        chain = stores.audit.verify()
        result.audit = "" if chain.broken_at is None else f"broken at {chain.broken_at}: {chain.why}"


def main() -> None:
    """Run trials and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    began = time.monotonic()
    name = tempfile.mkdtemp(prefix="opsmend-crash-")
    with running_prometheus(Path(name)) as prometheus:
        folder = Path(name) / "workshop"
        folder.mkdir()
        trials = Trials(Workshop(folder, prometheus), options.seed)
        signal.signal(signal.SIGINT, lambda *_: trials.enough.set())  # Ctrl-C: this trial is the last
        result = trials.run(options.trials)
    print(f"{result.trials} trials, seed {options.seed}, {time.monotonic() - began:.0f} s")
    print(f"acknowledged triggers {len(result.acknowledged)}, lost {len(result.lost)} {result.lost[:5]}")
    print(f"started twice {len(result.twice)} {result.twice[:5]}")
    print(f"incidents by state {dict(result.states)}, unsettled {result.unsettled[:5]}")
    print(f"not rolled back {result.not_rolled_back[:5]}, hosts left locked {result.locked}")
    print(f"runs under way when the agent was killed, by phase {dict(result.killed_in)}")
    print(f"audit {'intact' if not result.audit else result.audit}")
    print(f"not settled within {_SETTLE_TIMEOUT_S} s, and mended by people meanwhile: {result.late}")
    if not result.good:
        sys.exit(f"log and store are in {folder}")
    shutil.rmtree(name)


if __name__ == "__main__":
    main()
