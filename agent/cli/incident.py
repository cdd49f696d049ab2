"""``opsmend incident show|approve|deny|close``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from agent.cli.common import settings_and_stores
from agent.cli.output import ago, console, print_json, print_table, styled, whoami
from agent.decide import describe
from agent.errors import ConflictError, RefusedError
from agent.reasons import Reason
from agent.records import CheckResult, Incident, IncidentState, Run
from agent.store import Approval
from agent.wiring import Stores


def show_incident(config: Path | None, incident_id: int, json: bool) -> None:
    """Show everything about one incident."""
    _, stores = settings_and_stores(config)
    incident = stores.incidents.get(incident_id)
    transitions = stores.incidents.transitions(incident_id)
    runs = stores.runs.of_incident(incident_id)
    approval = stores.approvals.newest(incident_id)
    if json:
        print_json(
            {
                "incident": incident,
                "transitions": transitions,
                "runs": runs,
                "events": {str(run.id): stores.runs.events(run.id) for run in runs},
                "approval": approval,
            }
        )
        return
    _print_head(incident)
    _print_diagnosis(incident)
    if approval is not None:
        _print_approval(incident, approval)
    for run in runs:
        _print_run(run, stores)
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
            for one in transitions
        ],
    )


def decide(config: Path | None, incident_id: int, state: str, comment: str, json: bool) -> None:
    """Approve or deny what an incident asks for."""
    _, stores = settings_and_stores(config)
    incident = stores.incidents.get(incident_id)
    if incident.state is not IncidentState.AWAITING_APPROVAL:
        raise RefusedError(f"incident {incident_id} is {incident.state}: it does not ask for approval")
    approval = stores.approvals.decide(incident_id, state, whoami(), comment, datetime.now(UTC))
    if json:
        print_json(approval)
    else:
        console.print(f"{state}: {escape(describe(approval.plan))}")


def close_incident(config: Path | None, incident_id: int, comment: str, cancel_run: bool, json: bool) -> None:
    """Close an incident by hand."""
    _, stores = settings_and_stores(config)
    incident = stores.incidents.get(incident_id)
    if incident.state.final:
        raise RefusedError(f"incident {incident_id} is {incident.state} already")
    if incident.state in (IncidentState.REMEDIATING, IncidentState.VERIFYING):
        _cancel_or_refuse(stores, incident, cancel_run, json)
        return
    now = datetime.now(UTC)
    closed = replace(
        incident,
        state=IncidentState.CLOSED,
        reason=Reason.CLOSED_BY_PERSON,
        detail=comment,
        updated_at=now,
        closed_at=now,
    )
    try:
        closed = stores.incidents.save(closed, whoami())
    except ConflictError as error:
        raise ConflictError(f"{error}; look at it again") from error
    if json:
        print_json(closed)
    else:
        console.print(f"incident {incident_id} closed")


def _cancel_or_refuse(stores: Stores, incident: Incident, cancel_run: bool, json: bool) -> None:
    if not cancel_run:
        raise RefusedError(
            f"incident {incident.id} has a run at work; wait for it, or give --cancel-run to cancel it"
        )
    run_id = stores.runs.ask_to_cancel(incident.id, whoami())
    if run_id is None:
        raise RefusedError(f"incident {incident.id} is being verified: its run is over already")
    if json:
        print_json({"canceling_run": run_id})
    else:
        console.print(f"run {run_id} is being cancelled; close the incident when it has ended")


def _print_head(incident: Incident) -> None:
    console.print(f"[bold]Incident {incident.id}: {escape(incident.title)}[/]")
    why = incident.reason.text if incident.reason else "just found"
    console.print(f"{styled(incident.state)}: {escape(why)}")
    if incident.detail:
        console.print(f"  {escape(incident.detail)}", soft_wrap=True)
    seen = "the symptoms last" if incident.symptomatic else "the symptoms are gone"
    console.print(f"opened {ago(incident.opened_at)}, {seen}\n")


def _print_diagnosis(incident: Incident) -> None:
    if not incident.diagnosis.candidates:
        console.print("Diagnosis: unknown. No rule explains what is seen.\n")
        return
    for place, candidate in enumerate(incident.diagnosis.candidates, 1):
        title = "Diagnosis" if place == 1 else "Or"
        console.print(
            f"{title}: [bold]{candidate.fault}[/] on {escape(candidate.entity)}, "
            f"confidence {candidate.confidence:.2f} ({escape(', '.join(candidate.voters))})"
        )
        for evidence in candidate.evidence:
            console.print(f"  because {escape(evidence)}")
        for symptom in candidate.symptoms:
            console.print(f"  [dim]{escape(symptom.text)}, since {symptom.since:%H:%M:%S} UTC[/]")
    console.print()


def _print_approval(incident: Incident, approval: Approval) -> None:
    console.print(f"Approval {approval.state}: {escape(describe(approval.plan))}")
    if approval.decided_by:
        comment = f": {approval.comment}" if approval.comment else ""
        console.print(f"  by {escape(approval.decided_by)} {ago(approval.decided_at)}{escape(comment)}")
    elif incident.state is IncidentState.AWAITING_APPROVAL:
        console.print(f"  say yes with [bold]opsmend incident approve {incident.id}[/]")
    console.print()


def _print_run(run: Run, stores: Stores) -> None:
    console.print(f"Run {run.id}: {escape(describe(run.plan))}, by {escape(run.actor)}")
    console.print(f"  {styled(run.state)}, verdict {styled(run.verdict)}")
    if run.detail:
        console.print(f"  {escape(run.detail)}", soft_wrap=True)
    for step in run.steps:
        took = (step.ended_at - step.started_at).total_seconds()
        changed = f", changed {', '.join(step.changed)}" if step.changed else ", changed nothing"
        console.print(f"  step {escape(step.name)}: {styled(step.state)} in {took:.1f} s{escape(changed)}")
    for event in stores.runs.events(run.id):
        if event.status not in ("started", "skipped"):
            console.print(f"    [dim]{event.host}: {escape(event.task)}: {event.status}[/]")
    for check in run.checks:
        console.print(f"  check {escape(_check_line(check))}")
    console.print()


def _check_line(check: CheckResult) -> str:
    word = {True: "holds", False: "fails", None: "unknown"}[check.holds]
    before = "?" if check.before is None else f"{check.before:.4g}"
    after = "?" if check.after is None else f"{check.after:.4g}"
    numbers = f" ({before} before, {after} after)" if check.after is not None else ""
    return f"{word}: {check.text}{numbers}"
