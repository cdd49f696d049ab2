"""A whole agent for tests: real Prometheus, real store, real playbooks, on hosts that are this machine.

A "host" is broken while there is a file of its name in ``broken``; the exporter says so, and the
playbook of the remediation removes the file, or does what the test writes instead.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from agent.cli.agentapi import agent_api
from agent.config import load_settings
from agent.records import Incident, IncidentState
from agent.store import Stores, open_stores
from agent.wiring import Agent, Definitions, build, load_definitions
from tests.operator.site import ELSEWHERE, PLUGINS
from tests.servers.process import free_port, wait_until
from tests.servers.prometheus import Prometheus

SIGNALS = {
    "signals": [
        {"id": "healthy", "summary": "s", "query": "test_healthy", "role": "availability", "bad": "low"},
    ]
}
FAULTS = {"faults": [{"id": "broken", "summary": "It is broken"}]}
RULES = {
    "rules": [
        {
            "id": "broken_by_metric",
            "fault": "broken",
            "entity": "{host}",
            "confidence": 0.9,
            "when": {"signal": "healthy", "below": 0.5},
            "evidence": "{host} is broken",
        }
    ]
}
MEND = [
    {
        "name": "Mend",
        "ansible.builtin.file": {"path": "{{ broken }}/{{ inventory_hostname }}", "state": "absent"},
    }
]


TOKEN = "alertmanager-token-0123456789"


class Workshop:
    """Files of an agent, and the world it looks at."""

    def __init__(self, folder: Path, prometheus: Prometheus) -> None:
        self.folder = folder
        self.prometheus = prometheus
        self.broken = folder / "broken"
        self.broken.mkdir()
        self.hosts = ["web1", "web2", "web3"]
        self.blind: set[str] = set()
        self._started: list[subprocess.Popen[bytes]] = []
        self.config: dict[str, Any] = {
            "agent": {
                "mode": "auto",
                "state_dir": str(folder / "state"),
                "runtime_dir": str(folder / "run"),
                "log_format": "text",
            },
            "paths": {
                "rules": str(folder / "rules"),
                "playbooks": str(folder / "playbooks"),
                "inventory": str(folder / "hosts.yml"),
            },
            "collect": {
                "poll": "250ms",
                "history": "30s",
                "prometheus": {"url": prometheus.url, "seasons": "0s"},
            },
            "diagnose": {"keep_for": "500ms"},
            "verify": {"interval": "100ms"},
            "remediate": {"grace": "20s", "ansible_config": str(folder / "ansible.cfg")},
            "api": {"listen": None},
        }
        self.write("rules/signals/test.yml", SIGNALS)
        self.write("rules/faults.yml", FAULTS)
        self.write("rules/diagnosis/test.yml", RULES)
        (folder / "ansible.cfg").write_text(f"[defaults]\nconnection_plugins = {PLUGINS}\n")
        self.policy()
        self.remediation("mend", MEND)
        self.inventory({})
        (folder / "state").mkdir()
        prometheus.exporter.live = self._samples

    def write(self, name: str, content: Any) -> Path:
        """Write a YAML file."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        return file

    def api(self, **tokens: str) -> str:
        """Give the agent a port and tokens by name, and return its URL."""
        port = free_port()
        file = self.write("tokens.yml", tokens or {"alertmanager": TOKEN, "ann": "a" * 20, "bob": "b" * 20})
        file.chmod(0o600)
        self.config["api"] = {"listen": f"127.0.0.1:{port}", "tokens_file": str(file)}
        return f"http://127.0.0.1:{port}"

    def inventory(self, variables: Mapping[str, Any]) -> None:
        """Write the inventory: every host is this machine."""
        common = {
            **ELSEWHERE,
            "broken": str(self.broken),
            **variables,
        }
        self.write("hosts.yml", {"all": {"hosts": dict.fromkeys(self.hosts), "vars": common}})

    def policy(self, **fields: Any) -> None:
        """Write a policy under which everything runs, and root may do everything."""
        may = ["approve", "deny", "close", "cancel", "pause", "resume", "run"]
        may += ["override", "administer", "feedback", "alert"]
        self.write(
            "rules/policy.yml",
            {
                "roles": {
                    "people": {"users": ["root", "ann", "bob"], "may": may[:-1]},
                    "source": {"users": ["alertmanager"], "may": ["alert"]},
                },
                "remediations": [{"id": "everything", "mode": "auto"}],
                "guards": {"flapping": {"times": 100}, "storm": {"incidents": 1000}},
                "autonomy": {"harm": []},  # what is broken again and again here takes no autonomy away
                **fields,
            },
        )

    def remediation(self, name: str, tasks: list[dict[str, Any]], **fields: Any) -> None:
        """Write a remediation whose one playbook does these tasks."""
        metadata = {
            "summary": "s",
            "fixes": ["broken"],
            "risk": "low",
            "idempotent": True,
            "target": "{host}",
            "steps": [{"name": "go", "playbook": "playbook.yml", "timeout": "30s"}],
            "verify": {
                "settle": "200ms",
                "hold": "500ms",
                "within": "4s",
                "checks": [
                    {"query": 'test_healthy{host="{host}"}', "equals": 1},
                    {"anomalies": "closed"},
                ],
            },
            "rollback": {"none": "nothing to undo"},
            "limits": {"cooldown": "0s", "per_day": 100},
            **fields,
        }
        self.write(f"playbooks/{name}/remediation.yml", metadata)
        self.playbook(name, "playbook.yml", tasks)

    def playbook(self, name: str, file: str, tasks: list[dict[str, Any]]) -> None:
        """Write one playbook of a remediation."""
        play = {"name": "Play", "hosts": "all", "gather_facts": False, "tasks": tasks}
        self.write(f"playbooks/{name}/{file}", [play])

    def save_config(self) -> Path:
        """Write the settings file."""
        return self.write("opsmend.yml", self.config)

    def build(self) -> Agent:
        """Put an agent together in this process, polled by hand."""
        settings = load_settings(self.save_config(), {})
        return build(settings, load_definitions(settings))

    def definitions(self) -> Definitions:
        """Return rules, policy and remediations as they are written now."""
        return load_definitions(load_settings(self.save_config(), {}))

    def stores(self) -> Stores:
        """Open the store beside a running agent."""
        return open_stores(load_settings(self.save_config(), {}).database)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the agent as a process of its own."""
        command = [sys.executable, "-m", "agent.cli.main", "run", "-c", str(self.save_config())]
        with (self.folder / "agent.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self._started.append(process)
        return process

    def anomalies(self) -> list[dict[str, Any]]:
        """Return what ``opsmend anomalies`` asks the running agent for."""
        api = agent_api(self.folder / "opsmend.yml")
        assert api.running, self.log()
        found: list[dict[str, Any]] = api.get("/api/v1/anomalies")
        return found

    def kill_agents(self) -> None:
        """Leave no agent behind, also where a test failed before it could stop its own."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=30)

    def log(self) -> str:
        """Return what the agent has logged."""
        return (self.folder / "agent.log").read_text()

    def break_host(self, host: str) -> None:
        """Break a host."""
        (self.broken / host).touch()

    def _samples(self) -> dict[str, float]:
        return {
            f'test_healthy{{host="{host}"}}': 0.0 if (self.broken / host).exists() else 1.0
            for host in self.hosts
            if host not in self.blind
        }


def drive(agent: Agent, until: Callable[[], object], timeout_s: float = 60) -> None:
    """Poll an agent by hand until something holds."""
    deadline = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > deadline:
            shown = [(one.id, one.state, one.reason, one.detail) for one in agent.stores.incidents.list()]
            raise AssertionError(f"not within {timeout_s} s: {shown}")
        agent.pipeline.poll()
        time.sleep(0.1)


def webhook(*alerts: dict[str, Any]) -> dict[str, Any]:
    """Return the body of an Alertmanager webhook, version 4."""
    return {
        "version": "4",
        "groupKey": "{}",
        "status": "firing",
        "receiver": "opsmend",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": [
            {
                "status": "firing",
                "annotations": {"summary": "it is broken"},
                "startsAt": datetime.now(UTC).isoformat(),
                "endsAt": "0001-01-01T00:00:00Z",
                **alert,
            }
            for alert in alerts
        ],
    }


def settled(stores: Stores, count: int = 1) -> Callable[[], bool]:
    """Return a test for so many incidents having settled."""

    def test() -> bool:
        states = [one.state for one in stores.incidents.list()]
        return len(states) >= count and all(state.settled for state in states)

    return test


def wait_for(stores: Stores, state: IncidentState, timeout_s: float = 60) -> Incident:
    """Wait until an incident is in a state, and return it."""
    wait_until(lambda: stores.incidents.list([state]), timeout_s, lambda: str(stores.incidents.list()))
    return stores.incidents.list([state])[0]
