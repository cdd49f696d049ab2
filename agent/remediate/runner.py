"""One playbook on its hosts in, how it ended out, with nothing of it left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from agent.errors import RunError
from agent.reasons import Reason
from agent.records import Leftovers, RunState, TaskEvent
from agent.remediate.ansible_config import AnsibleConfig
from agent.remediate.ansible_process import AnsibleProcess, Played, refuse_others
from agent.remediate.execution import Ended, Execution, Hosts
from agent.remediate.inventory import Inventory
from agent.remediate.localreaping import reap_here
from agent.remediate.reaping import reap
from agent.remediate.scratch import remove_orphans


class Inventories(Protocol):
    """Where a run gets its inventory from."""

    def read(self) -> Inventory:
        """Return the inventory. Raises RunError when it cannot be read."""


class PlaybookRunner:
    """Runs playbooks, each in a private folder. Safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        inventory: Inventories,
        config: Callable[[], AnsibleConfig] = AnsibleConfig,
        vault_password_file: Path | None = None,
    ) -> None:
        self._folder = folder
        self._inventory = inventory
        self._process = AnsibleProcess(folder, config, vault_password_file)

    def run(
        self,
        execution: Execution,
        tell: Callable[[TaskEvent], None],
        canceled: Callable[[], bool],
    ) -> Ended:
        """Run one playbook to its end, its time limit or its cancellation.

        After a time limit, a cancellation or a connection that broke off nothing of it is left, here or on
        the hosts; where nobody can say so that is the reason.
        """
        failed = RunState.FAILED
        try:
            inventory = self._inventory.read()
            refuse_others(execution, inventory)
        except RunError as error:
            return Ended(state=failed, reason=Reason.INVENTORY_UNAVAILABLE, detail=str(error))
        if not (execution.snapshot.folder / execution.playbook).is_file():
            detail = f"there is no file {execution.playbook} in {execution.snapshot.folder}"
            return Ended(state=failed, reason=Reason.PLAYBOOK_MISSING, detail=detail)
        began = time.monotonic()
        played = self._process.play(execution, inventory, tell, canceled)
        lasted = timedelta(seconds=time.monotonic() - began)
        if played.status in ("canceled", "timeout"):
            left = self._reap(execution, inventory, execution.hosts, lasted, played)
            return _cut_short(played, left)
        ended = _judge(execution, played)
        # where the connection broke off in the middle, the command may go on
        cut = [name for name in execution.hosts.names if name in played.journal.cut - played.report.unmarked]
        left = self._reap(execution, inventory, Hosts(targets=cut), lasted, played) if cut else Leftovers()
        if not left.unknown:
            return ended
        detail = f"{ended.detail}; {left.unknown}"
        return replace(ended, state=RunState.FAILED, reason=Reason.LEFTOVERS_UNKNOWN, detail=detail)

    def _reap(
        self, execution: Execution, inventory: Inventory, hosts: Hosts, lasted: timedelta, played: Played
    ) -> Leftovers:
        return reap(self._process, inventory, execution.mark, hosts, lasted, played.report)

    def end_leftovers(self, mark: str, hosts: Hosts, lasted: timedelta) -> Leftovers:
        """End what an interrupted run may have left, here and on its hosts."""
        try:
            inventory = self._inventory.read()
        except RunError as error:
            reap_here(mark)
            return Leftovers(unknown=f"no host could be looked at: {error}")
        gone = [name for name in hosts.names if name not in inventory.where]
        here = Hosts(targets=[name for name in hosts.names if name not in gone])
        found = reap(self._process, inventory, mark, here, lasted) if here.targets else Leftovers()
        doubts = [found.unknown, *(f"{name} cannot be reached for sure any more" for name in gone)]
        return Leftovers(ended=found.ended, unknown="; ".join(one for one in doubts if one))

    def remove_remains(self) -> None:
        """Remove the folders of runs and inventories that a killed agent has left."""
        for name in ("runs", "inventory"):
            remove_orphans(self._folder / name)


def _cut_short(played: Played, left: Leftovers) -> Ended:
    state, reason = (
        (RunState.CANCELED, Reason.CANCELED)
        if played.status == "canceled"
        else (RunState.TIMED_OUT, Reason.STEP_TIMED_OUT)
    )
    return Ended(
        state=state,
        reason=Reason.LEFTOVERS_UNKNOWN if left.unknown else reason,
        detail=f"{reason.text}; {left.unknown}" if left.unknown else "",
        output=played.output,
        changed=played.journal.changed,
    )


def _judge(execution: Execution, played: Played) -> Ended:
    failed = RunState.FAILED
    journal, output = played.journal, played.output
    if played.report.refused:
        return Ended(state=failed, reason=Reason.PLAY_REFUSED, detail=played.report.refused, output=output)
    if not played.good:
        reason = Reason.HOST_UNREACHABLE if journal.unreachable else Reason.STEP_FAILED
        detail = "; ".join(journal.failures) or _last_words(output)
        return Ended(state=failed, reason=reason, detail=detail, output=output, changed=journal.changed)
    untouched = [name for name in execution.hosts.targets if name not in journal.processed]
    if untouched and not journal.processed & set(execution.hosts.companions):
        detail = f"the playbook has no play for {', '.join(untouched)}; does its 'hosts:' line match?"
        return Ended(state=failed, reason=Reason.STEP_FAILED, detail=detail, output=output)
    return Ended(
        state=RunState.SUCCEEDED, reason=Reason.STEPS_SUCCEEDED, output=output, changed=journal.changed
    )


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line]
    return (errors or lines or ["no output"])[-1][:500]
