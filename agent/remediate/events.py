"""ansible-runner's events in, task events for people out.

Module arguments and results stay behind: they may hold secrets. What a playbook shows on purpose (debug) is
what its author wants people to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.records import TaskEvent

_STATUS = {
    "runner_on_start": "started",
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_skipped": "skipped",
    "runner_on_unreachable": "unreachable",
}
_SHOWING = ("debug", "ansible.builtin.debug")


def to_task_event(event: Mapping[str, Any], step: str) -> TaskEvent | None:
    """Return one of ansible-runner's events as a task event, or None when it tells people nothing."""
    status = _STATUS.get(str(event.get("event")))
    if status is None:
        return None
    data = event.get("event_data") or {}
    result = data.get("res") or {}
    if status == "ok" and result.get("changed"):
        status = "changed"
    if status == "failed" and data.get("ignore_errors"):
        status = "ok"
    return TaskEvent(
        at=datetime.now(UTC),
        step=step,
        host=str(data.get("host", "")),
        task=str(data.get("task", "")),
        status=status,
        message=_message(result) if _is_worth_telling(status, data) else "",
    )


def _is_worth_telling(status: str, data: Mapping[str, Any]) -> bool:
    shown = data.get("task_action") in _SHOWING and "results" not in (data.get("res") or {})
    return shown or status in ("failed", "unreachable", "changed")


def _message(result: Mapping[str, Any]) -> str:
    if "censored" in result:
        return "hidden by no_log"
    parts = [_in_words(result[key]) for key in ("msg", "stderr") if result.get(key)]
    return "\n".join(dict.fromkeys(parts))


def _in_words(value: Any) -> str:
    lines = value if isinstance(value, list) else [value]
    return "\n".join(str(line).strip() for line in lines)
