"""The only door to ansible-runner: one playbook on its hosts in, how it ended out."""

from __future__ import annotations

import runpy
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import ansible_runner
import pexpect  # type: ignore[import-untyped]

from agent.log import Logger
from agent.reasons import Reason
from agent.records import InventoryHost, ParameterValue, RunState, TaskEvent
from agent.remediate.environment import ANSIBLE_FOLDER, ansible_environment
from agent.remediate.events import to_task_event
from agent.remediate.secrets import Redactor
from agent.remediate.workspace import workspace

log = Logger("remediate")

_START = ANSIBLE_FOLDER / "ansible-playbook"  # of that name, as people look for it among processes
_OUTPUT_BYTES = 64 * 1024
_REAP_TIMEOUT = timedelta(seconds=30)
_SSH_SLACK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One playbook to be run. ``mark`` is put into the environment of all it starts, on every host."""

    mark: str
    step: str
    playbook: Path
    hosts: Sequence[InventoryHost]
    parameters: Mapping[str, ParameterValue]
    timeout: timedelta
    check: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an execution ended."""

    state: RunState
    reason: Reason
    detail: str = ""
    output: str = ""
    changed: tuple[str, ...] = ()


@dataclass
class _Journal:
    """What the events of one execution amount to."""

    step: str
    tell: Callable[[TaskEvent], None]
    redactor: Redactor
    failures: list[str] = field(default_factory=list)
    unreachable: bool = False
    processed: frozenset[str] = frozenset()
    changed: tuple[str, ...] = ()

    def take(self, event: dict[str, Any]) -> bool:
        """Pass one event on; returns False so that ansible-runner writes no file for it."""
        if event.get("event") == "playbook_on_stats":
            stats = event.get("event_data") or {}
            self.processed = frozenset(stats.get("processed") or ())
            self.changed = tuple(sorted(stats.get("changed") or ()))
        task = to_task_event(event, self.step)
        if task is not None:
            task = replace(task, message=self.redactor.clean(task.message))
            if task.status in ("failed", "unreachable"):
                self.unreachable |= task.status == "unreachable"
                self.failures.append(f"{task.host}: {task.task}: {task.message}")
            self.tell(task)
        return False


class PlaybookRunner:
    """Runs playbooks, each in a private folder. Safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        roles: Iterable[Path] = (),
        config: Path | None = None,
        vault_password_file: Path | None = None,
    ) -> None:
        self._folder = folder
        self._roles = tuple(roles)
        self._config = config
        self._vault_password_file = vault_password_file

    def run(
        self,
        execution: Execution,
        tell: Callable[[TaskEvent], None],
        canceled: Callable[[], bool],
    ) -> Ended:
        """Run one playbook to its end, its time limit or its cancellation.

        After a time limit or a cancellation nothing of it is left, here or on the hosts; where that
        cannot be made sure the detail says so.
        """
        redactor = Redactor(execution.hosts, self._vault_password_file)
        journal = _Journal(execution.step, tell, redactor)
        runner = self._call(execution, journal.take, canceled)
        output = _tail(redactor.clean(runner.stdout))
        if runner.status in ("canceled", "timeout"):
            left = self.reap(execution.mark, execution.hosts)
            state, reason = (
                (RunState.CANCELED, Reason.CANCELED)
                if runner.status == "canceled"
                else (RunState.TIMED_OUT, Reason.STEP_TIMED_OUT)
            )
            return Ended(state=state, reason=reason, detail=left, output=output, changed=journal.changed)
        return _judge(execution, runner, journal, output)

    def reap(self, mark: str, hosts: Sequence[InventoryHost]) -> str:
        """End whatever carries a mark, here and on the hosts; return what could not be made sure of."""
        _reap_here(mark)
        execution = Execution(
            mark=f"reap-{mark}",
            step="reap",
            playbook=ANSIBLE_FOLDER / "reap.yml",
            hosts=hosts,
            parameters={"opsmend_mark": mark},
            timeout=_REAP_TIMEOUT,
        )
        journal = _Journal("reap", lambda event: None, Redactor(hosts, None))
        runner = self._call(execution, journal.take, lambda: False)
        _reap_here(execution.mark)
        if runner.status != "successful":
            why = "; ".join(journal.failures) or runner.status
            log.warning("leftovers not ruled out", mark=mark, why=why)
            return f"could not make sure that nothing is left on the host: {why}"
        return ""

    def _call(
        self,
        execution: Execution,
        take: Callable[[dict[str, Any]], bool],
        canceled: Callable[[], bool],
    ) -> Any:
        seconds = execution.timeout.total_seconds()
        environment = {
            **ansible_environment(self._config, self._roles, self._folder / "ansible"),
            # the private inventory is one YAML file, whatever plugins the operator's ansible.cfg enables
            "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
            "OPSMEND_RUN": execution.mark,
            "OPSMEND_STEP_SECONDS": str(round(seconds + _SSH_SLACK.total_seconds())),
        }
        command = [str(_START), execution.playbook.name]
        command += ["--check", "--diff"] if execution.check else []
        if self._vault_password_file:
            command += ["--vault-password-file", str(self._vault_password_file)]
        with workspace(
            self._folder / "runs",
            execution.mark,
            execution.hosts,
            execution.parameters,
            environment,
            seconds,
        ) as folder:
            runner = ansible_runner.run(
                private_data_dir=str(folder),
                project_dir=str(execution.playbook.parent),
                binary=sys.executable,
                cmdline=shlex.join(command),
                inventory=str(folder / "inventory" / "hosts.yml"),
                event_handler=take,
                cancel_callback=canceled,
                quiet=True,
            )
            return _Finished(runner)


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


class _Finished:
    """What is needed of ansible-runner's result, read before its folder is removed."""

    def __init__(self, runner: Any) -> None:
        self.status: str = runner.status
        self.rc: int | None = runner.rc
        try:
            with runner.stdout as stream:
                self.stdout: str = stream.read()
        except (AttributeError, OSError, ValueError):
            self.stdout = ""


def _judge(execution: Execution, runner: _Finished, journal: _Journal, output: str) -> Ended:
    failed = RunState.FAILED
    if not execution.playbook.is_file():
        detail = f"there is no file {execution.playbook}"
        return Ended(state=failed, reason=Reason.PLAYBOOK_MISSING, detail=detail, output=output)
    if runner.status != "successful" or runner.rc != 0:
        reason = Reason.HOST_UNREACHABLE if journal.unreachable else Reason.STEP_FAILED
        detail = "; ".join(journal.failures) or _last_words(output)
        return Ended(state=failed, reason=reason, detail=detail, output=output, changed=journal.changed)
    untouched = [host.name for host in execution.hosts if host.name not in journal.processed]
    if untouched:
        detail = f"the playbook has no play for {', '.join(untouched)}; does its 'hosts:' line match?"
        return Ended(state=failed, reason=Reason.STEP_FAILED, detail=detail, output=output)
    return Ended(
        state=RunState.SUCCEEDED,
        reason=Reason.STEPS_SUCCEEDED,
        output=output,
        changed=journal.changed,
    )


def _reap_here(mark: str) -> None:
    reap = runpy.run_path(str(ANSIBLE_FOLDER / "reap.py"))["reap"]
    reap(mark)


def _tail(text: str) -> str:
    return text if len(text) <= _OUTPUT_BYTES else "…\n" + text[-_OUTPUT_BYTES:]


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line]
    return (errors or lines or ["no output"])[-1][:500]
