"""The only door to ansible-runner: one playbook on its hosts in, what became of it out."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import ansible_runner
import pexpect  # type: ignore[import-untyped]

from agent.errors import RunError
from agent.log import SECRET_NAME
from agent.records import TaskEvent
from agent.remediate.ansible_config import AnsibleConfig
from agent.remediate.environment import ANSIBLE_FOLDER, OVERRIDES, SOCKETS, ansible_environment
from agent.remediate.execution import Execution
from agent.remediate.inventory import Inventory
from agent.remediate.journal import EventJournal
from agent.remediate.localreaping import reap_here
from agent.remediate.redaction import Redactor, Report
from agent.remediate.snapshot import Snapshot
from agent.remediate.workspace import JOB, REPORT, TEMPORARY, as_data, workspace

OWN_PLAYBOOKS = ANSIBLE_FOLDER / "playbooks"
_START = ANSIBLE_FOLDER / "ansible-playbook"  # of that name, as people look for it among processes
_OUTPUT_LENGTH = 64 * 1024
_SSH_SLACK = timedelta(seconds=5)
_NOWHERE = ANSIBLE_FOLDER / "nowhere"  # for an empty list of folders, which Ansible would take for none said


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How ansible-playbook ended: ``status`` is successful, failed, canceled or timeout."""

    status: str
    output: str
    journal: EventJournal
    report: Report

    @property
    def good(self) -> bool:
        """Return whether every play ended well."""
        return self.status == "successful"


class AnsibleProcess:
    """Runs ansible-playbook, each time in a private folder. Safe to use from several threads."""

    def __init__(
        self, folder: Path, config: Callable[[], AnsibleConfig], vault_password_file: Path | None
    ) -> None:
        self._folder = folder
        self._config = config
        self._vault_password_file = vault_password_file

    def own(self) -> Snapshot:
        """Return where the agent's own playbooks are, with the operator's plugins as they are now."""
        config = self._config()
        return Snapshot(
            digest="", project=OWN_PLAYBOOKS, folder=OWN_PLAYBOOKS, search=config.search, config=config.file
        )

    def play(
        self,
        execution: Execution,
        inventory: Inventory,
        tell: Callable[[TaskEvent], None] = lambda event: None,
        canceled: Callable[[], bool] = lambda: False,
        keep_results: bool = False,
    ) -> Played:
        """Run one playbook to its end, its time limit or its cancellation, and remove every trace here."""
        seconds = execution.timeout.total_seconds()
        job = _job(execution, inventory)
        variables = {**execution.variables, **as_data(execution.parameters)}
        with workspace(self._folder / "runs", variables, job, seconds) as folder:
            report = Report(folder / REPORT)
            redactor = Redactor(report)
            journal = EventJournal(execution.step, tell, redactor, keep_results)
            runner = ansible_runner.interface.init_runner(
                private_data_dir=str(folder),
                project_dir=str(execution.snapshot.folder),
                binary=sys.executable,
                cmdline=shlex.join(self._command(execution, inventory)),
                event_handler=journal.take,
                cancel_callback=canceled,
                quiet=True,
            )
            runner.config.env = self._environment(execution, folder, runner.config.env)
            runner.run()
            if runner.status in ("canceled", "timeout"):
                reap_here(execution.mark)  # before the folder goes: who still lives would write into it
            report.over = True
            output = _tail(redactor.clean(_output_of(runner)))
            report.look()
            report.refused = redactor.clean(report.refused)
            return Played(status=runner.status, output=output, journal=journal, report=report)

    def _command(self, execution: Execution, inventory: Inventory) -> list[str]:
        command = ["-P", str(_START), execution.playbook]
        for source in inventory.sources:
            command += ["-i", str(source)]
        command += ["--check", "--diff"] if execution.check else []
        if self._vault_password_file:
            command += ["--vault-password-file", str(self._vault_password_file)]
        return command

    def _environment(self, execution: Execution, folder: Path, prepared: Mapping[str, str]) -> dict[str, str]:
        config = self._config()
        snapshot = execution.snapshot
        search = {
            name: snapshot.search.get(name) or (_NOWHERE,) for name in {*config.search, *snapshot.search}
        }
        environment = ansible_environment(config, search, self._folder / SOCKETS, run=True)
        if snapshot.config is not None:
            environment["ANSIBLE_CONFIG"] = str(snapshot.config)
        environment |= {
            "ANSIBLE_LOCAL_TEMP": str(folder / TEMPORARY),
            "OPSMEND_RUN": execution.mark,
            "OPSMEND_JOB": str(folder / JOB),
        }
        # what ansible-runner has added; the agent's own environment, from which it starts, is left behind
        added = {name: value for name, value in prepared.items() if os.environ.get(name) != value}
        callbacks = [environment.get("ANSIBLE_CALLBACK_PLUGINS"), added.pop("ANSIBLE_CALLBACK_PLUGINS", None)]
        added["ANSIBLE_CALLBACK_PLUGINS"] = os.pathsep.join(one for one in callbacks if one)
        # ansible-runner would have unknown host keys accepted: what the agent decides, it decides last
        decided = {name: environment[name] for name in OVERRIDES}
        return {**environment, **added, **decided}


def refuse_others(execution: Execution, inventory: Inventory) -> None:
    """Raise RunError when a host is not, or not where, it was when the execution was decided."""
    for name in execution.hosts.names:
        host = inventory.hosts.get(name)
        if name not in inventory.where:
            why = "left the inventory" if host is None else "cannot be reached for sure"
            raise RunError(f"{name} {why}")
        before = execution.hosts.identities.get(name)
        now = host.identity if host is not None else "local"
        if before and before != now:
            raise RunError(f"{name} is another machine than when this was decided: {now}, not {before}")


def _job(execution: Execution, inventory: Inventory) -> dict[str, Any]:
    snapshot = execution.snapshot
    seconds = execution.timeout + _SSH_SLACK
    names = execution.playbooks or (execution.playbook,)
    installed = [Path(ansible_runner.__file__).parents[1], ANSIBLE_FOLDER]
    return {
        "mark": execution.mark,
        "seconds": round(seconds.total_seconds()),
        "targets": list(execution.hosts.targets),
        "companions": list(execution.hosts.companions),
        "where": [inventory.where[name] for name in execution.hosts.names],
        "playbooks": [str(snapshot.folder / name) for name in names],
        "roots": [str(root) for root in (*snapshot.roots, inventory.record.path, *installed)],
        "approved": [str(root) for root in snapshot.roots],
        "vaulted": [str(file) for file in snapshot.vaulted],
        "secret_names": f"(?i){SECRET_NAME.pattern}",
        "names": sorted({*inventory.hosts, *inventory.groups}),
    }


def _output_of(runner: Any) -> str:
    try:
        with runner.stdout as stream:
            return str(stream.read())
    except (AttributeError, OSError, ValueError):
        return ""


def _tail(text: str) -> str:
    return text if len(text) <= _OUTPUT_LENGTH else "…\n" + text[-_OUTPUT_LENGTH:]


def _close_at_once() -> None:
    """Take the tenth of a second away that ptyprocess sleeps whenever it closes.

    It is meant for processes that still run. ansible-runner closes what has ended, and in a burst each run
    would keep its place for that time.
    """
    spawn = pexpect.spawn._spawnpty

    def spawn_prompt(self: pexpect.spawn, args: Sequence[str], **options: Any) -> Any:
        process = spawn(self, args, **options)
        process.delayafterclose = 0.0
        return process

    pexpect.spawn._spawnpty = spawn_prompt


_close_at_once()
