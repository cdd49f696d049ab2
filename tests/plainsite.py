"""A site without an agent: settings, rules, one remediation, and the store that an agent would have left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from agent.clock import SystemClock
from agent.config import load_settings
from agent.store import Stores, open_stores
from agent.wiring import make_ansible
from tests.integration.workshop import FAULTS, MEND, RULES, SIGNALS
from tests.pastruns import Tried, keep_run

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
REMEDIATION = """\
# how this site mends things: ask ann before you change it
summary: Mends what is broken
fixes: [broken]
risk: low
idempotent: true
target: "{host}"
steps:
  - name: go  # 'quoted', {{ braces }}
    playbook: playbook.yml
    timeout: 10m   # nobody knows why

  - {name: "look: again", playbook: playbook.yml}
verify:
  within: 5m
  checks: [{anomalies: closed}]
rollback: {none: nothing to undo}
"""


class Site:
    """Settings, files and a store of one site, without an agent."""

    def __init__(self, folder: Path, prometheus: str = "http://127.0.0.1:9") -> None:
        self.folder = folder
        self.prometheus = prometheus
        self.config = folder / "opsmend.yml"
        self.own = folder / "site $(touch x)" / "playbooks"
        for name, content in {
            "rules/signals/test.yml": SIGNALS,
            "rules/faults.yml": FAULTS,
            "rules/diagnosis/test.yml": RULES,
            "hosts.yml": {"all": {"hosts": {"web1": {}}}},
        }.items():
            self.write(folder / name, yaml.safe_dump(content))
        self.remediation = self.write(self.own / "mend" / "remediation.yml", REMEDIATION)
        play = {"name": "Play", "hosts": "all", "gather_facts": False, "tasks": MEND}
        self.write(self.own / "mend" / "playbook.yml", yaml.safe_dump([play]))
        self.write(folder / "ansible.cfg", "[defaults]\n")
        self.folders([folder / "rules"], [self.own])

    def folders(self, rules: Iterable[Path], playbooks: Iterable[Path]) -> None:
        """Write settings that name these folders."""
        settings = {
            "agent": {"state_dir": str(self.folder), "runtime_dir": str(self.folder / "run")},
            "paths": {
                "rules": [str(one) for one in rules],
                "playbooks": [str(one) for one in playbooks],
                "inventory": str(self.folder / "hosts.yml"),
            },
            "collect": {"prometheus": {"url": self.prometheus}},
            "remediate": {"ansible_config": str(self.folder / "ansible.cfg")},
        }
        self.write(self.config, yaml.safe_dump(settings))

    def stores(self) -> Stores:
        """Open the store; whoever asks closes it."""
        return open_stores(load_settings(self.config, {}).database)

    def digest(self, folder: Path) -> str:
        """Keep a copy of what stands in a remediation's folder, as the agent does; return its digest."""
        return make_ansible(load_settings(self.config, {}), SystemClock()).snapshots.take(folder)

    def runs(
        self, tried: Iterable[Sequence[Tried]], name: str = "mend", folder: Path | None = None, **fields: Any
    ) -> None:
        """Keep one run an hour of the files as they are now."""
        about = {"remediation": name, "digest": self.digest(folder or self.own / name), "fault": "broken"}
        stores = self.stores()
        for number, steps in enumerate(tried):
            keep_run(stores, NOW + timedelta(hours=number), steps, **about, **fields)
        stores.close()

    def write(self, file: Path, text: str) -> Path:
        """Write one file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file
