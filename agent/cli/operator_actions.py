"""``opsmend incident approve|deny|close|cancel|run``, ``pause`` and ``resume``: what people do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from agent.cli.common import settings_and_stores
from agent.cli.output import console, print_json
from agent.clock import SystemClock
from agent.config.scalars import parse_duration
from agent.decide import describe
from agent.errors import OpsmendError
from agent.response import OperatorActions
from agent.wiring import make_operator_actions, person_at_the_keyboard


def vote(config: Path | None, incident_id: int, yes: bool, comment: str, json: bool) -> None:
    """Approve or deny what an incident asks for."""
    approval = _operator_actions(config).vote(incident_id, yes, person_at_the_keyboard(), comment)
    if json:
        print_json(approval)
    elif approval.state == "pending":
        missing = approval.needed - sum(one.yes for one in approval.votes)
        console.print(f"counted; {missing} more yes needed: {escape(describe(approval.plan))}")
    else:
        console.print(f"{approval.state}: {escape(describe(approval.plan))}")


def close(config: Path | None, incident_id: int, comment: str, json: bool) -> None:
    """Close an incident by hand."""
    closed = _operator_actions(config).close(incident_id, person_at_the_keyboard(), comment)
    if json:
        print_json(closed)
    else:
        console.print(f"incident {incident_id} closed")


def cancel(config: Path | None, incident_id: int, json: bool) -> None:
    """Cancel the run of an incident."""
    run_id = _operator_actions(config).cancel(incident_id, person_at_the_keyboard())
    if json:
        print_json({"canceling_run": run_id})
    else:
        console.print(f"run {run_id} is being cancelled; nothing of it will be left on the host")


def ask_for_run(config: Path | None, incident_id: int, remediation: str, json: bool) -> None:
    """Ask the agent to run a remediation."""
    _operator_actions(config).ask_for_run(incident_id, remediation, person_at_the_keyboard())
    if json:
        print_json({"asked_for": remediation})
    else:
        console.print(f"asked for {remediation}; policy and guards decide:")
        console.print(f"  [bold]opsmend incident show {incident_id}[/]")


def pause(config: Path | None, comment: str, duration: str | None, json: bool) -> None:
    """Pause the agent."""
    try:
        span = parse_duration(duration) if duration else None
    except ValueError as error:
        raise OpsmendError(f"--for: {error}") from error
    until = datetime.now(UTC) + span if span else None
    paused = _operator_actions(config).pause(person_at_the_keyboard(), comment, until)
    if json:
        print_json({"paused": paused})
    else:
        console.print(f"{escape(str(paused))}. What is at work goes on; [bold]opsmend resume[/] ends it.")


def resume(config: Path | None, json: bool) -> None:
    """Resume the agent."""
    was_paused = _operator_actions(config).resume(person_at_the_keyboard())
    if json:
        print_json({"paused": None, "was_paused": was_paused})
    else:
        console.print("resumed" if was_paused else "it was not paused")


def _operator_actions(config: Path | None) -> OperatorActions:
    settings, stores = settings_and_stores(config)
    return make_operator_actions(settings, stores, SystemClock())
