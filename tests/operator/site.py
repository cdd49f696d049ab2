"""An operator's Ansible in a folder: inventory, ansible.cfg, playbooks; and a runner that works with it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from agent.clock import SystemClock
from agent.records import TaskEvent
from agent.remediate import AnsibleInventory, Ended, Execution, Hosts, PlaybookRunner, Snapshots
from agent.remediate.ansible_config import AnsibleConfigs

PLUGINS = Path(__file__).parent / "connection"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
ELSEWHERE = {"ansible_connection": "elsewhere", "ansible_python_interpreter": sys.executable}


class Site:
    """Files of an operator, and what the agent makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vault_password_file: Path | None = None
        self.config = folder / "ansible.cfg"
        self.config.write_text(f"[defaults]\nconnection_plugins = {PLUGINS}\n")
        self.hosts("web1")
        self.events: list[TaskEvent] = []

    def write(self, name: str, content: Any) -> Path:
        """Write a file, as YAML unless it is text."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return file

    def hosts(self, *names: str, **groups: Sequence[str]) -> None:
        """Write an inventory of hosts that are all here, each with an address of its own."""
        content: dict[str, Any] = {"vars": ELSEWHERE, "hosts": dict.fromkeys(names)}
        content["children"] = {group: {"hosts": dict.fromkeys(members)} for group, members in groups.items()}
        self.write("inventory/hosts.yml", {"all": content})

    def playbook(self, tasks: Sequence[Mapping[str, Any]], name: str = "playbook.yml", **play: Any) -> None:
        """Write a playbook of the remediation ``mend``."""
        fields = {"name": "P", "hosts": "all", "gather_facts": False, **play, "tasks": list(tasks)}
        self.write(f"playbooks/mend/{name}", [fields])
        self.write("playbooks/mend/remediation.yml", {})

    @cached_property
    def configs(self) -> AnsibleConfigs:
        """Return the operator's configuration."""
        return AnsibleConfigs(self.config, [self.folder / "playbooks"])

    @cached_property
    def inventory(self) -> AnsibleInventory:
        """Return the operator's inventory."""
        return AnsibleInventory(
            [self.folder / "inventory"],
            SystemClock(),
            timedelta(minutes=5),
            self.folder / "run" / "inventory",
            self.configs.current,
            self.vault_password_file,
        )

    @cached_property
    def runner(self) -> PlaybookRunner:
        """Return what runs playbooks here."""
        return PlaybookRunner(
            self.folder / "run", self.inventory, self.configs.current, self.vault_password_file
        )

    @cached_property
    def snapshots(self) -> Snapshots:
        """Return where copies of remediations are."""
        return Snapshots(self.folder / "snapshots", [self.folder / "playbooks"], self.configs.current)

    def execution(self, *targets: str, **fields: Any) -> Execution:
        """Return an execution of the remediation's playbook as it is now."""
        snapshots = self.snapshots
        defaults = {
            "mark": f"test-{id(self):x}",
            "step": "go",
            "snapshot": snapshots.open(snapshots.take(self.folder / "playbooks" / "mend")),
            "playbook": "playbook.yml",
            "hosts": Hosts(targets=targets or ("web1",), companions=fields.pop("companions", ())),
            "timeout": timedelta(seconds=30),
        }
        return Execution(**{**defaults, **fields})

    def run(self, *targets: str, canceled: Callable[[], bool] = lambda: False, **fields: Any) -> Ended:
        """Run the playbook and keep its events."""
        self.events = []
        return self.runner.run(self.execution(*targets, **fields), self.events.append, canceled)

    def play(self, *tasks: Mapping[str, Any], targets: Sequence[str] = (), **play: Any) -> Ended:
        """Write a playbook and run it."""
        self.playbook(tasks, **play)
        return self.run(*targets)
