"""``opsmend incident approve|deny|close|cancel|run``, ``pause`` and ``resume``: what people do."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter
from rich.markup import escape

from agent.cli.agentapi import agent_api
from agent.cli.output import console, print_json
from agent.config.scalars import parse_duration
from agent.decide import describe
from agent.errors import OpsmendError
from agent.store import Approval, Pause


def vote(config: Path | None, incident_id: int, yes: bool, comment: str, json: bool) -> None:
    """Approve or deny what an incident asks for."""
    word = "approve" if yes else "deny"
    told = agent_api(config).post(f"/api/v1/incidents/{incident_id}/{word}", {"comment": comment})
    if json:
        print_json(told)
        return
    approval = TypeAdapter(Approval).validate_python(told)
    if approval.state == "pending":
        missing = approval.needed - sum(one.yes for one in approval.votes)
        console.print(f"counted; {missing} more yes needed: {escape(describe(approval.plan))}")
    else:
        console.print(f"{approval.state}: {escape(describe(approval.plan))}")


def close(config: Path | None, incident_id: int, comment: str, json: bool) -> None:
    """Close an incident by hand."""
    closed = agent_api(config).post(f"/api/v1/incidents/{incident_id}/close", {"comment": comment})
    if json:
        print_json(closed)
    else:
        console.print(f"incident {incident_id} closed")


def cancel(config: Path | None, incident_id: int, json: bool) -> None:
    """Cancel the run of an incident."""
    told = agent_api(config).post(f"/api/v1/incidents/{incident_id}/cancel", {})
    if json:
        print_json(told)
    else:
        console.print(
            f"run {told['canceling_run']} is being cancelled; nothing of it will be left on the host"
        )


def ask_for_run(config: Path | None, incident_id: int, remediation: str, json: bool) -> None:
    """Ask the agent to run a remediation."""
    told = agent_api(config).post(f"/api/v1/incidents/{incident_id}/run", {"remediation": remediation})
    if json:
        print_json(told)
    else:
        console.print(f"asked for {remediation}; policy and guards decide:")
        console.print(f"  [bold]opsmend incident {incident_id}[/]")


def pause(config: Path | None, comment: str, duration: str | None, json: bool) -> None:
    """Pause the agent."""
    if duration is not None:
        try:
            parse_duration(duration)
        except ValueError as error:
            raise OpsmendError(f"--for: {error}") from error
    told = agent_api(config).post("/api/v1/pause", {"for": duration, "comment": comment})
    if json:
        print_json({"paused": told})
        return
    paused = TypeAdapter(Pause).validate_python(told)
    console.print(f"{escape(str(paused))}. What is at work goes on; [bold]opsmend resume[/] ends it.")


def resume(config: Path | None, json: bool) -> None:
    """Resume the agent."""
    was_paused = agent_api(config).post("/api/v1/resume", {})["was_paused"]
    if json:
        print_json({"paused": None, "was_paused": was_paused})
    else:
        console.print("resumed" if was_paused else "it was not paused")
