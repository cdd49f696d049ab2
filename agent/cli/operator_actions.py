"""``opsmend incident approve|deny|close|cancel|run``, ``pause`` and ``resume``: what people do."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter
from rich.markup import escape

from agent.cli.agentapi import agent_api
from agent.cli.options import span_of
from agent.cli.output import console, print_json
from agent.decide import describe
from agent.records import Approval, Pause, PauseScope, RunRequest, count_voices

_ANSWER_WITHIN_S = 3.0
_LOOK_EVERY_S = 0.2


def vote(config: Path | None, incident_id: int, yes: bool, comment: str, json: bool) -> None:
    """Approve or deny what an incident asks for."""
    word = "approve" if yes else "deny"
    told = agent_api(config).post(f"/api/v1/incidents/{incident_id}/{word}", {"comment": comment})
    if json:
        print_json(told)
        return
    approval = TypeAdapter(Approval).validate_python(told)
    if approval.state == "pending":
        missing = approval.needed - count_voices(approval.votes)
        console.print(f"counted; {missing} more yes needed: {escape(describe(approval.plan))}")
    else:
        console.print(f"{approval.state}: {escape(describe(approval.plan))}")


def acknowledge(config: Path | None, incident_id: int, comment: str, take_over: bool, json: bool) -> None:
    """Take an incident that is for people."""
    body = {"comment": comment, "take_over": take_over}
    told = agent_api(config).post(f"/api/v1/incidents/{incident_id}/acknowledge", body)
    if json:
        print_json(told)
    else:
        console.print(
            f"{escape(told['acknowledged_by'])} has incident {incident_id}; nobody further is called"
        )


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


def ask_for_run(
    config: Path | None, incident_id: int, remediation: str, comment: str, override: bool, json: bool
) -> None:
    """Ask the agent to run a remediation, and say what it answers, where that comes soon."""
    api, place = agent_api(config), f"/api/v1/incidents/{incident_id}"
    body = {"remediation": remediation, "comment": comment, "override_cooldown": override}
    request = TypeAdapter(RunRequest).validate_python(api.post(f"{place}/run", body))
    deadline = time.monotonic() + _ANSWER_WITHIN_S
    while request.state == "open" and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
        known = TypeAdapter(list[RunRequest]).validate_python(api.get(place)["requests"])
        request = next((one for one in known if one.id == request.id), request)
    if json:
        print_json(request)
    elif request.state == "open":
        console.print(f"asked for {remediation}; it waits, see [bold]opsmend incident {incident_id}[/]")
    else:
        console.print(f"asked for {remediation}: {request.state}, {escape(request.answer)}")


def pause(config: Path | None, comment: str, duration: str | None, scope: PauseScope, json: bool) -> None:
    """Pause the agent, or a part of what it does."""
    if duration is not None:
        span_of("--for", duration)  # which says what is wrong with it
    told = agent_api(config).post("/api/v1/pause", {"for": duration, "comment": comment, **asdict(scope)})
    if json:
        print_json({"paused": told})
        return
    paused = TypeAdapter(Pause).validate_python(told)
    console.print(f"{escape(str(paused))}. What is at work goes on.")
    console.print(f"[bold]opsmend resume {paused.id}[/] ends it")


def resume(config: Path | None, pause_id: int | None, json: bool) -> None:
    """End a pause, or all."""
    told = agent_api(config).post("/api/v1/resume", {"id": pause_id})
    if json:
        print_json(told)
        return
    if not told["ended"]:
        console.print("it was not paused")
    for pause in TypeAdapter(list[Pause]).validate_python(told["ended"]):
        console.print(f"resumed: {escape(str(pause))}")
