"""An agent that is told by alerts, on real hosts over ssh, for the benchmarks that need one."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import yaml

from agent.demo.hosts import Cluster
from agent.remediate.environment import ansible_environment
from tests.servers.process import free_port, wait_until
from tests.servers.prometheus import Prometheus

TOKEN = "benchmark-token-0123456789"
TASKS = [
    {
        "name": "Leave a mark",
        "ansible.builtin.command": {"argv": ["sh", "-c", "date +%s.%N > /run/mend-{{ ticket }}"]},
    },
]


class AlertedAgent:
    """An agent with one remediation of one task, its settings, and a bare command for the same playbook."""

    def __init__(self, folder: Path, cluster: Cluster, prometheus: Prometheus) -> None:
        self.folder = folder
        self.cluster = cluster
        self.url = f"http://127.0.0.1:{free_port()}"
        self._write(prometheus)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the agent and wait until its port is open."""
        command = [sys.executable, "-m", "agent.cli.main", "run", "-c", str(self.folder / "opsmend.yml")]
        log = self.folder / "agent.log"
        with log.open("ab") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=stream)
        wait_until(lambda: "port opened" in log.read_text(), 30, log.read_text)
        time.sleep(3)  # the inventory is read and some polls are done

    def stop(self) -> None:
        """Stop the agent."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def send(self, tickets: dict[str, str]) -> None:
        """Hand in one alert per ticket, on its host, in one request."""
        alerts = [
            {
                "status": "firing",
                "labels": {"alertname": "Ticket", "host": host, "ticket": ticket},
                "annotations": {},
                "startsAt": datetime.now(UTC).isoformat(),
                "fingerprint": ticket,
            }
            for ticket, host in tickets.items()
        ]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        body = {"version": "4", "alerts": alerts}
        answer = requests.post(f"{self.url}/api/v1/alerts", json=body, headers=headers, timeout=10)
        answer.raise_for_status()

    def bare_command(self, ticket: str, host: str) -> list[str]:
        """Return the plain command that runs the same playbook on the same host."""
        folder = self.folder
        playbook = str(folder / "playbooks" / "mend" / "playbook.yml")
        return [
            "ansible-playbook",
            "-i",
            str(folder / "hosts.yml"),
            "--limit",
            host,
            "-e",
            f"ticket={ticket}",
            playbook,
        ]

    def bare_environment(self, name: str = "bare") -> dict[str, str]:
        """Return the environment for the plain command: the same settings the agent uses.

        Commands with the same ``name`` share their connections to the hosts.
        """
        return ansible_environment(sockets=self.folder / name)

    def _write(self, prometheus: Prometheus) -> None:
        rule = {
            "id": "ticket",
            "fault": "broken",
            "entity": "{host}:{ticket}",
            "confidence": 0.95,
            "when": {"alert": "Ticket"},
            "evidence": "ticket {ticket} on {host}",
        }
        remediation = {
            "summary": "s",
            "fixes": ["broken"],
            "risk": "low",
            "idempotent": True,
            "target": "{host}",
            "parameters": {"ticket": {"type": "string", "from": "ticket", "pattern": "[a-z0-9]+"}},
            "steps": [{"name": "go", "playbook": "playbook.yml"}],
            "verify": {
                "settle": "0s",
                "hold": "0s",
                "within": "1m",
                "checks": [{"query": 'up{job="test",job!="{ticket}"}', "equals": 1}],
            },
            "rollback": {"none": "nothing to undo"},
            "limits": {"cooldown": "1h", "per_day": 1000},
        }
        policy = {
            "roles": {"source": {"users": ["alertmanager"], "may": ["alert"]}},
            "remediations": [{"id": "all", "mode": "auto"}],
            "guards": {"storm": {"incidents": 1000}},
        }
        hosts = {
            name: {"ansible_ssh_common_args": f"-F {self.cluster.ssh_config.resolve()}"}
            for name in self.cluster.hosts
        }
        files: dict[str, Any] = {
            "rules/signals/a.yml": {
                "signals": [{"id": "up", "summary": "s", "query": "up", "role": "availability"}]
            },
            "rules/faults.yml": {"faults": [{"id": "broken", "summary": "It is broken"}]},
            "rules/diagnosis/a.yml": {"rules": [rule]},
            "rules/policy.yml": policy,
            "playbooks/mend/remediation.yml": remediation,
            "playbooks/mend/playbook.yml": [
                {"name": "Mend", "hosts": "all", "gather_facts": False, "tasks": TASKS}
            ],
            "hosts.yml": {
                "all": {
                    "hosts": hosts,
                    "vars": {"ansible_user": "root", "ansible_python_interpreter": "/usr/bin/python3"},
                }
            },
            "tokens.yml": {"alertmanager": TOKEN},
            "opsmend.yml": {
                "agent": {"mode": "auto", "state_dir": "state", "runtime_dir": "run", "log_format": "text"},
                "paths": {"rules": "rules", "playbooks": "playbooks", "inventory": "hosts.yml"},
                "collect": {"poll": "15s", "prometheus": {"url": prometheus.url}},
                "api": {"listen": self.url.removeprefix("http://"), "tokens_file": "tokens.yml"},
            },
        }
        for name, content in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(yaml.safe_dump(content))
        (self.folder / "tokens.yml").chmod(0o600)
        (self.folder / "state").mkdir()
        (self.folder / "playbooks" / "ansible.cfg").write_text(
            "[defaults]\ngathering = explicit\n[connection]\npipelining = true\n"
        )
