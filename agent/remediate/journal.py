"""The events of one execution in, told on without secrets, and what they amount to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.records import TaskEvent
from agent.remediate.events import to_task_event
from agent.remediate.redaction import Redactor

MESSAGE_LENGTH = 2000
# what ssh says when it was never in; all else may have come in the middle of a command, which then goes on
_NEVER_THERE = re.compile(
    r"connect to host|resolve hostname|verification failed|Permission denied|kex_exchange|banner exchange"
    r"|closed by (UNKNOWN|\S+) port|authentication (failure|method)|(Invalid|incorrect) password|sshpass"
    r"|Failed to create temporary directory|opsmend refuses",
    re.IGNORECASE,
)


@dataclass
class EventJournal:
    """What the events of one execution amount to. ``results`` keeps what modules returned, where asked to.

    ``cut`` are the hosts out of reach to which a connection may have been when it broke off.
    """

    step: str
    tell: Callable[[TaskEvent], None]
    redactor: Redactor
    keep_results: bool = False
    failures: list[str] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    processed: frozenset[str] = frozenset()
    changed: tuple[str, ...] = ()
    results: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def take(self, event: dict[str, Any]) -> bool:
        """Pass one event on; returns False so that ansible-runner writes no file for it."""
        data = event.get("event_data") or {}
        if event.get("event") == "playbook_on_stats":
            self.processed = frozenset(data.get("processed") or ())
            self.changed = tuple(sorted(data.get("changed") or ()))
        task = to_task_event(event, self.step)
        if task is not None:
            if self.keep_results and task.status != "started":
                self.results.append((task.host, task.task, data.get("res") or {}))
            self._note(self._cleaned(task))
        return False

    def _cleaned(self, task: TaskEvent) -> TaskEvent:
        # a secret that is cut in two is not found any more: first clean, then cut
        message = self.redactor.clean(task.message)[:MESSAGE_LENGTH]
        return replace(task, task=self.redactor.clean(task.task), message=message)

    def _note(self, task: TaskEvent) -> None:
        if task.status in ("failed", "unreachable"):
            if task.status == "unreachable":
                self.unreachable.add(task.host)
                if not _NEVER_THERE.search(task.message):
                    self.cut.add(task.host)
            self.failures.append(f"{task.host}: {task.task}: {task.message}")
        self.tell(task)
