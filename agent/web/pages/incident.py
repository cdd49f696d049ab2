"""One incident on one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request, Response

from agent.charts import Chart
from agent.config.policyfile import Permission, PolicyFile
from agent.config.remediationfile import RemediationFile
from agent.notify.summary import Summary, summarize
from agent.quantity import span_in_words
from agent.records import (
    Approval,
    Candidate,
    Incident,
    IncidentState,
    Plan,
    Run,
    TaskEvent,
    Transition,
    count_voices,
)
from agent.records.feedback import Feedback
from agent.records.investigations import Investigation
from agent.records.tokens import Scope
from agent.response import Person
from agent.web.access import GuardedRoute, needs
from agent.web.api.incidents import WholeIncident, whole_incident
from agent.web.pages.causegraph import CausePicture, draw_causes
from agent.web.pages.looks import LABELS, TONES
from agent.web.pages.plot import Plot, plot
from agent.web.pages.render import page
from agent.web.parts import Agent, Asker, Parts

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**53)]
_MOST_EVENTS = 500
_HEADINGS = {
    "pending": "May opsmend run this?",
    "approved": "Approved",
    "used": "Approved, and run",
    "denied": "Denied",
    "expired": "Nobody answered in time",
    "withdrawn": "Asked for no more",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What came of what somebody just pressed."""

    tone: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class SaidVote:
    """What one person said."""

    name: str
    yes: bool
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SaidApproval:
    """The request as it stands."""

    id: int
    requested_by: str
    requested_at: datetime
    needed: int
    votes: Sequence[SaidVote]
    preview: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRequest:
    """A request for approval, and what became of it."""

    approval: SaidApproval
    plan: Plan
    remediation: RemediationFile | None
    state: str
    heading: str
    note: str
    open: bool
    why: str
    missing: int
    left: str
    rollback: str
    who_may: str


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run with what Ansible did."""

    run: Run
    events: Sequence[TaskEvent]


@dataclass(frozen=True, slots=True)
class Cause:
    """Where the incident comes from, as far as anybody looked into it."""

    summary: str
    picture: CausePicture | None
    evidence: Sequence[str]
    against: Sequence[str]
    said: Sequence[str]


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    text: str
    detail: str
    tone: str


@dataclass(frozen=True, slots=True)
class ShownOption:
    """A remediation that fits."""

    remediation: str
    summary: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentPage:
    """What the page shows."""

    incident: Incident
    summary: Summary
    harm: str
    request: ShownRequest | None
    running: bool
    plots: Sequence[Plot]
    runs: Sequence[ShownRun]
    candidates: Sequence[Candidate]
    cause: Cause | None
    links: Sequence[tuple[str, str]]
    timeline: Sequence[Moment]
    options: Sequence[ShownOption]
    may: Mapping[Permission, bool]
    why_not_you: str
    feedback: Sequence[Feedback]
    faults: Sequence[str]
    remediations: Sequence[str]


@router.get("/incidents/{incident_id}", **needs(Scope.LOOK))
def show_incident(request: Request, incident_id: Id, agent: Agent, who: Asker) -> Response:
    """Show one incident."""
    return incident_page(request, incident_id, agent, who)


def incident_page(
    request: Request,
    incident_id: int,
    agent: Parts,
    who: Person,
    status: int = 200,
    notice: Notice | None = None,
) -> Response:
    """Return the page of an incident; ``notice`` tells what came of what was pressed."""
    shown = look(incident_id, agent, who, request.state.caller.scope)
    return page(request, "incident.html", status, shown=shown, notice=notice)


def look(incident_id: int, agent: Parts, who: Person, scope: Scope) -> IncidentPage:
    """Return what somebody sees of an incident. Raises NotFoundError."""
    whole = whole_incident(agent.stores, incident_id)
    incident, now = whole.incident, agent.clock.now()
    charts = agent.charts(incident, whole.runs)
    permissions: tuple[Permission, ...] = ("approve", "deny", "close", "cancel", "run", "feedback")
    decides = scope.reaches(Scope.DECIDE)
    may = {one: decides and agent.operator_actions.allows(who, one) for one in permissions}
    why_not_you = (
        f"You, {who.name}, may not decide about this. {_who_may(agent.current.policy())}."
        if decides
        else f"You signed in with the scope {scope.value}: you can look at it and decide nothing."
    )
    return IncidentPage(
        incident=incident,
        summary=summarize(incident, whole.runs, whole.approval, now),
        harm=incident.diagnosis.harm.text,
        request=_request(incident, whole.approval, agent, now),
        running=incident.state is IncidentState.REMEDIATING and may["cancel"],
        plots=[plot(one) for one in charts],
        runs=[
            ShownRun(run, whole.events.get(str(run.id), ())[-_MOST_EVENTS:]) for run in reversed(whole.runs)
        ],
        candidates=incident.diagnosis.candidates,
        cause=_cause(whole.investigation),
        links=list(_links(charts, agent.prometheus_url)),
        timeline=sorted(_timeline(whole), key=lambda one: one.at),
        options=[_option(one.remediation, one.note, agent) for one in incident.options],
        may=may,
        why_not_you=why_not_you,
        feedback=agent.stores.feedback.list(incident_id=incident_id),
        faults=sorted(agent.current.book().faults),
        remediations=sorted(agent.current.catalog()),
    )


def _request(
    incident: Incident, approval: Approval | None, agent: Parts, now: datetime
) -> ShownRequest | None:
    if approval is None:
        return None
    remediation = agent.current.catalog().get(approval.plan.remediation)
    file = remediation.file if remediation is not None else None
    pending = approval.state == "pending" and approval.expires_at > now
    state = "expired" if approval.state == "pending" and not pending else approval.state
    open_now = pending and incident.state is IncidentState.AWAITING_APPROVAL
    yes = count_voices(approval.votes)
    return ShownRequest(
        approval=_said(approval),
        plan=approval.plan,
        remediation=file,
        state=state if open_now or state != "pending" else "withdrawn",
        heading=_HEADINGS.get(state if open_now or state != "pending" else "withdrawn", state),
        note=_note(approval, state, open_now, remediation.digest if remediation else ""),
        open=open_now,
        why=incident.detail if open_now else f"{approval.plan.fault} on {approval.plan.entity}",
        missing=max(0, approval.needed - yes) if open_now else 0,
        left=_left(approval, open_now, now),
        rollback=_rollback(file),
        who_may=_who_may(agent.current.policy()),
    )


def _said(approval: Approval) -> SaidApproval:
    votes = [SaidVote(one.person.name, one.yes, one.comment, one.at) for one in approval.votes]
    return SaidApproval(
        approval.id,
        approval.requested_by,
        approval.requested_at,
        approval.needed,
        votes,
        approval.preview,
    )


def _note(approval: Approval, state: str, open_now: bool, digest: str) -> str:
    if open_now and digest != approval.plan.digest:
        return "Its files changed since it was asked: it will be asked anew before it runs."
    if state == "expired":
        return "It is for people now; opsmend does not run this by itself any more."
    if state in ("approved", "used", "denied"):
        return f"By {approval.said}." if approval.votes else ""
    if not open_now:
        return "The plan changed, or nothing is wrong any more."
    return ""


def _left(approval: Approval, open_now: bool, now: datetime) -> str:
    until = f"{approval.expires_at:%H:%M} UTC"
    if open_now:
        return f"{span_in_words(approval.expires_at - now)}, until {until}; then it goes to people"
    return f"none; it was open until {until}"


def _rollback(file: RemediationFile | None) -> str:
    if file is None:
        return "not known: the remediation is gone"
    if file.rollback.playbook is None:
        return f"if it fails nothing is undone. {file.rollback.none}"
    when = " or ".join(str(one).replace("_", " ") for one in file.rollback.on)
    return f"{file.rollback.playbook} undoes it after {when}"


def _who_may(policy: PolicyFile) -> str:
    roles = [
        (name, [*role.users, *(f"group {group}" for group in role.groups)])
        for name, role in policy.roles.items()
        if "approve" in role.may
    ]
    told = "; ".join(f"{name}: {', '.join(names) or 'nobody'}" for name, names in roles)
    return told or "nobody: no role of the policy gives it"


def _cause(investigation: Investigation | None) -> Cause | None:
    report: Mapping[str, Any] = investigation.report if investigation else {}
    if investigation is None or not report.get("root_causes"):
        return None
    first = report["root_causes"][0]
    said = [f"{one.host}: {text}" for one in investigation.probes for text in one.findings]
    return Cause(report["summary"], draw_causes(report), first["evidence"], first["against"], said)


def _links(charts: Sequence[Chart], prometheus_url: str) -> Iterator[tuple[str, str]]:
    for chart in charts:
        graph = urlencode({"g0.expr": chart.query, "g0.tab": "0", "g0.range_input": "1h"})
        yield f"{chart.title} in Prometheus", f"{prometheus_url}/graph?{graph}"


def _timeline(whole: WholeIncident) -> Iterator[Moment]:
    for one in whole.transitions:
        yield _step(one)
    taken = whole.incident
    if taken.acknowledged_by is not None and taken.acknowledged_at is not None:
        yield Moment(taken.acknowledged_at, f"{taken.acknowledged_by} took it", "", "still")
    for vote in whole.approval.votes if whole.approval else ():
        text = f"{vote.person.name} said {'yes' if vote.yes else 'no'}"
        yield Moment(vote.at, text, vote.comment, "still")
    for asked in whole.requests:
        yield Moment(asked.at, f"{asked.person.name} asked for {asked.remediation}", asked.comment, "still")
        if asked.answered_at is not None:
            text = f"The request of {asked.person.name} was {asked.state}"
            yield Moment(asked.answered_at, text, asked.answer, "still")
    for run in whole.runs:
        for step in run.steps:
            changed = f"changed {', '.join(step.changed)}" if step.changed else "changed nothing"
            text = f"Step “{step.name}” {step.state.value.replace('_', ' ')}"
            took = span_in_words(step.ended_at - step.started_at)
            yield Moment(step.ended_at, text, f"{changed}, took {took}", TONES.get(step.state, "still"))
    for message in whole.messages:
        text = f"{message.target} {'was told' if message.state == 'sent' else 'is to be told'}"
        yield Moment(message.created_at, text, f"{message.kind}, {message.state}", "still")


def _step(one: Transition) -> Moment:
    reason = one.reason.text if one.reason else ""
    actor = f"by {one.actor}" if one.actor != "opsmend" else ""
    said = "; ".join(filter(None, (reason, one.detail, actor)))
    return Moment(one.at, LABELS[one.state], said, TONES[one.state])


def _option(name: str, note: str, agent: Parts) -> ShownOption:
    remediation = agent.current.catalog().get(name)
    return ShownOption(name, f"{remediation.file.summary}." if remediation else "", note)
