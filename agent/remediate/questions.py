"""Commands that only look in, what hosts answer out: over Ansible's own connections, with its become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.remediate.ansible_config import AnsibleConfig
from agent.remediate.ansible_process import AnsibleProcess
from agent.remediate.execution import Execution, Hosts
from agent.remediate.inventory import Inventory
from agent.remediate.localreaping import reap_here

Command = Sequence[str]
_START = timedelta(seconds=30)  # until Ansible is on the host, which a busy machine takes its time for
_AT_ONCE = 5  # Ansible's own number of hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What one command said. ``code`` is None when it did not end in time."""

    text: str
    complaint: str
    code: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAnswer:
    """What one host answered, and as whom; ``error`` says why it did not."""

    host: str
    user: str = ""
    uid: int | None = None
    spoken: tuple[Spoken, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostQuestions:
    """Asks hosts of an inventory. Nothing is changed there, and nothing stays there."""

    folder: Path
    config: AnsibleConfig = field(default_factory=AnsibleConfig)
    vault_password_file: Path | None = None

    def ask(
        self,
        inventory: Inventory,
        asked: Mapping[str, Sequence[Command]],
        timeout: timedelta,
        mark: str,
        within: timedelta | None = None,
        canceled: Callable[[], bool] = lambda: False,
    ) -> dict[str, HostAnswer]:
        """Return what each host answers to its commands, each and all within a time limit."""
        known = [name for name in asked if name in inventory.where]
        found = {
            name: HostAnswer(host=name, error="where a connection to it leads cannot be known")
            for name in asked
            if name not in known
        }
        if known:
            most = max(len(asked[name]) for name in known)
            rounds = -(-len(known) // _AT_ONCE)
            execution = Execution(
                mark=mark,
                step="ask",
                snapshot=self._process.own(),
                playbook="ask.yml",
                hosts=Hosts(targets=known),
                parameters={},
                variables={
                    "opsmend_questions": {name: [list(one) for one in asked[name]] for name in known},
                    "opsmend_timeout": timeout.total_seconds(),
                },
                timeout=within or rounds * (_START + timeout * most),
            )
            found |= self._answers(execution, inventory, canceled)
        return {name: found[name] for name in asked}

    @property
    def _process(self) -> AnsibleProcess:
        return AnsibleProcess(self.folder, lambda: self.config, self.vault_password_file)

    def _answers(
        self, execution: Execution, inventory: Inventory, canceled: Callable[[], bool]
    ) -> dict[str, HostAnswer]:
        process = self._process
        played = process.play(execution, inventory, canceled=canceled, keep_results=True)
        reap_here(execution.mark)
        clean = played.journal.redactor.clean  # a host shows passwords to root, as in command lines
        withheld = played.journal.redactor.withheld
        if withheld:
            return {host: HostAnswer(host=host, error=withheld) for host in execution.hosts.names}
        found: dict[str, HostAnswer] = {}
        for host, _, result in played.journal.results:
            if "answers" in result:
                found[host] = _answer(host, result, clean)
            elif host not in found:
                found[host] = HostAnswer(host=host, error=clean(_why(result)))
        for host in execution.hosts.names:
            found.setdefault(host, HostAnswer(host=host, error=_last(played.output) or played.status))
        return found


def _answer(host: str, result: Mapping[str, Any], clean: Callable[[str], str]) -> HostAnswer:
    spoken = tuple(
        Spoken(**{**one, "text": clean(one["text"]), "complaint": clean(one["complaint"])})
        for one in result["answers"]
    )
    return HostAnswer(host=host, user=result["user"], uid=result["uid"], spoken=spoken)


def _why(result: Mapping[str, Any]) -> str:
    return " ".join(str(result.get("msg") or result.get("module_stderr") or "no answer").split())[:300]


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
