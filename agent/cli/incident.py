"""``opsmend incident show``: one screen about an incident, everything about it, or everything as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.markup import escape

from agent.cli.agentapi import agent_api
from agent.cli.anomalies import print_anomaly
from agent.cli.diagnosispage import render_page
from agent.cli.incidentsummary import check_line, screen
from agent.cli.investigation import print_investigation
from agent.cli.output import ago, console, print_json, print_table, styled, write
from agent.decide import describe
from agent.errors import NotFoundError
from agent.records import (
    Approval,
    Incident,
    IncidentState,
    Run,
    RunRequest,
    TaskEvent,
    Transition,
    count_voices,
)
from agent.records.investigations import Investigation
from agent.store import Notification


def show_incident(
    config: Path | None, incident_id: int, html: Path | None, json: bool, everything: bool = False
) -> None:
    """Show one screen about an incident, or everything; ``html`` gets the page on where it comes from."""
    api = agent_api(config)
    told = api.get(f"/api/v1/incidents/{incident_id}")
    incident = _read(Incident, told["incident"])
    anomalies = _anomalies_of(incident, api.get("/api/v1/anomalies"))
    investigation = _read(Investigation, told["investigation"])
    runs = _read(list[Run], told["runs"])
    approval = _read(Approval, told["approval"]) if told["approval"] is not None else None
    if html is not None:
        if investigation is None or not investigation.report:
            raise NotFoundError(f"nothing was found out about incident {incident_id} yet")
        write(html, render_page({"remediations": [], **investigation.report}).encode())
    if json:
        print_json({**told, "anomalies": anomalies})
        return
    if not everything:
        for line in screen(incident, runs, approval, investigation, datetime.now(UTC)):
            console.print(line, soft_wrap=True, markup=False)
        return
    _print_head(incident)
    _print_diagnosis(incident)
    if investigation is not None:
        print_investigation(investigation)
    if anomalies:
        console.print("Anomalous there now:")
        for anomaly in anomalies:
            print_anomaly(anomaly)
        console.print()
    _print_options(incident, runs)
    if approval is not None:
        _print_approval(incident, approval)
    for request in _read(list[RunRequest], told["requests"]):
        _print_request(request)
    for run in runs:
        _print_run(run, _read(list[TaskEvent], told["events"][str(run.id)]))
    for message in _read(list[Notification], told["messages"]):
        error = f": {message.error}" if message.error else ""
        console.print(f"Message ({message.kind}) to {escape(message.target)}: {message.state}{escape(error)}")
    print_table(
        "History",
        ["at (UTC)", "state", "why", "who"],
        [
            (
                f"{one.at:%m-%d %H:%M:%S}",
                styled(one.state),
                "; ".join(filter(None, [one.reason.text if one.reason else "", one.detail])),
                one.actor,
            )
            for one in _read(list[Transition], told["transitions"])
        ],
    )


def _read(kind: Any, plain: Any) -> Any:
    """Return the record that the API has written as JSON, or None for none."""
    return None if plain is None else TypeAdapter(kind).validate_python(plain)


def _anomalies_of(incident: Incident, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the anomalies that are open on the entities and the host of an incident."""
    entities = {incident.entity, *(one.entity for one in incident.diagnosis.candidates)}
    return [
        one
        for one in found
        if one["entity"] in entities or (incident.host and one["labels"].get("host") == incident.host)
    ]


def _print_head(incident: Incident) -> None:
    console.print(f"[bold]Incident {incident.id}: {escape(incident.title)}[/]")
    why = incident.reason.text if incident.reason else "just found"
    console.print(f"{styled(incident.state)}: {escape(why)}")
    if incident.acknowledged_by is not None:
        console.print(
            f"{escape(incident.acknowledged_by)} has it, since {incident.acknowledged_at:%H:%M} UTC"
        )
    if incident.detail:
        console.print(f"  {escape(incident.detail)}", soft_wrap=True)
    seen = "the symptoms last" if incident.symptomatic else "the symptoms are gone"
    console.print(f"opened {ago(incident.opened_at)}, {seen}\n")


def _print_diagnosis(incident: Incident) -> None:
    best = incident.best
    if best is None or best.fault == "unknown":
        place = escape(incident.entity)
        console.print(
            f"Diagnosis: [bold]unknown[/]. Something is wrong with {place}, and no voter is sure why."
        )
        console.print(f"  next: opsmend probe {escape(incident.host or '…')}{_unit_option(incident)}")
    for number, candidate in enumerate(incident.diagnosis.candidates, 1):
        title = "Diagnosis" if number == 1 else "Or" if candidate.entity == incident.entity else "Also"
        console.print(
            f"{title}: [bold]{candidate.fault}[/] on {escape(candidate.entity)}, "
            f"confidence {candidate.confidence:.2f} ({escape(', '.join(candidate.voters))})"
        )
        for evidence in candidate.evidence:
            console.print(f"  because {escape(evidence)}", soft_wrap=True)
        if number == 1:
            console.print(f"  harm: {escape(incident.diagnosis.harm.text)}", soft_wrap=True)
        for symptom in candidate.symptoms:
            console.print(f"  [dim]{escape(symptom.text)}, since {symptom.since:%H:%M:%S} UTC[/]")
        for sentence in candidate.support:
            console.print(f"  [dim]besides, {escape(sentence)}[/]", soft_wrap=True)
    console.print()


def _unit_option(incident: Incident) -> str:
    unit = incident.best.labels.get("unit", "") if incident.best else ""
    return f" --unit {escape(unit)}" if unit else ""


def _print_options(incident: Incident, runs: Sequence[Run]) -> None:
    if not incident.options:
        return
    console.print("Remediations that fit, the best first:")
    tried = {run.plan.remediation: run.id for run in runs}
    for option in incident.options:
        name = option.remediation
        note = f"tried here: run {tried[name]}" if name in tried else option.note
        console.print(f"  {option.score:.2f} {name} ({escape(note)})")
    console.print()


def _print_approval(incident: Incident, approval: Approval) -> None:
    asked = f"asked by {escape(approval.requested_by)} {ago(approval.requested_at)}"
    console.print(f"Approval {approval.state}, {asked}: {escape(describe(approval.plan))}")
    for vote in approval.votes:
        comment = f": {vote.comment}" if vote.comment else ""
        console.print(
            f"  {'yes' if vote.yes else 'no'} by {escape(vote.person.name)} {ago(vote.at)}{escape(comment)}"
        )
    if incident.state is IncidentState.AWAITING_APPROVAL and approval.state == "pending":
        missing = approval.needed - count_voices(approval.votes)
        console.print(
            f"  {missing} more yes needed until {approval.expires_at:%H:%M} UTC: "
            f"[bold]opsmend incident approve {incident.id}[/]"
        )
    if approval.preview:
        console.print("  what Ansible's check mode says:")
        for line in approval.preview.splitlines():
            console.print(f"    [dim]{escape(line)}[/]", soft_wrap=True)
    console.print()


def _print_request(request: RunRequest) -> None:
    asked = f"{escape(request.person.name)} asked for {request.remediation} {ago(request.at)}"
    console.print(f"Request: {asked}: {request.state} {escape(request.answer)}".rstrip(), soft_wrap=True)


def _print_run(run: Run, events: list[TaskEvent]) -> None:
    console.print(f"Run {run.id}: {escape(describe(run.plan))}, by {escape(run.actor)}")
    console.print(f"  {styled(run.state)}, verdict {styled(run.verdict)}")
    if run.detail:
        console.print(f"  {escape(run.detail)}", soft_wrap=True)
    for step in run.steps:
        took = (step.ended_at - step.started_at).total_seconds()
        changed = f", changed {', '.join(step.changed)}" if step.changed else ", changed nothing"
        console.print(f"  step {escape(step.name)}: {styled(step.state)} in {took:.1f} s{escape(changed)}")
    for event in events:
        if event.status not in ("started", "skipped"):
            console.print(f"    [dim]{event.host}: {escape(event.task)}: {event.status}[/]")
    for check in run.checks:
        console.print(f"  check {escape(check_line(check))}")
    if run.attribution is not None:
        console.print(
            f"  {run.attribution.sure:.0%} sure that the run did it: {escape(run.attribution.text)}"
        )
    console.print()
