"""The first page: what is wrong now, and what it asks of you."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from agent.notify.summary import summarize
from agent.quantity import span_in_words
from agent.records import Incident, IncidentState, Verdict
from agent.records.tokens import Scope
from agent.store import Stores
from agent.store.incident_index import IncidentFilter, IncidentSummary
from agent.web.access import GuardedRoute, needs
from agent.web.pages.render import page
from agent.web.parts import Agent, Parts

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

_DAY = timedelta(days=1)
_GROUPS: Sequence[tuple[str, frozenset[IncidentState]]] = (
    ("Needs you", frozenset({IncidentState.AWAITING_APPROVAL, IncidentState.ESCALATED})),
    ("Being worked on", frozenset({IncidentState.REMEDIATING, IncidentState.VERIFYING, IncidentState.OPEN})),
    ("Held back", frozenset({IncidentState.HELD})),
)
_TAKEN = "Somebody has it"
_MOST = 100
_MOST_RECENT = 12


@dataclass(frozen=True, slots=True)
class Card:
    """An incident that is not over, in three lines."""

    id: int
    title: str
    state: IncidentState
    host: str
    opened_at: datetime
    asks: str
    holder: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Incidents that ask the same of whoever looks."""

    title: str
    incidents: Sequence[Card]


@dataclass(frozen=True, slots=True)
class Recent:
    """An incident that is over, and how it ended."""

    id: int
    title: str
    closed_at: datetime
    how: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that everybody who looks must know first. ``pause`` names the pause that it tells of."""

    tone: str
    title: str
    text: str
    pause: int | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A number about the agent."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What the page shows."""

    headline: str
    sentence: str
    tone: str
    notices: Sequence[Notice]
    groups: Sequence[Group]
    recent: Sequence[Recent]
    facts: Sequence[Fact]


@router.get("/", **needs(Scope.LOOK))
def show_now(request: Request, agent: Agent) -> Response:
    """Show what is wrong now."""
    return page(request, "now.html", shown=look(agent))


def look(agent: Parts) -> Now:
    """Return what is wrong now."""
    now = agent.clock.now()
    active = [one for one in agent.stores.incidents.active() if not one.state.final]
    notices = list(_notices(agent, now))
    headline, sentence, tone = _headline(active, agent)
    return Now(
        headline=headline,
        sentence=sentence,
        tone=tone,
        notices=notices,
        groups=list(_groups(active, agent.stores, now)),
        recent=[_recent(one, agent.stores) for one in _over(agent.stores, now)],
        facts=list(_facts(agent.status(), now)),
    )


def _headline(active: Sequence[Incident], agent: Parts) -> tuple[str, str, str]:
    wants = {part: why for part, why in agent.readiness().items() if why}
    if wants and not active:
        told = "; ".join(f"{part}: {why}" for part, why in wants.items())
        return "opsmend is blind", f"It cannot tell whether all is well. {told}", "wait"
    if not active:
        return "All is well", "Nothing is wrong that opsmend can see.", "well"
    yours = sum(one.state in _GROUPS[0][1] and one.acknowledged_by is None for one in active)
    taken = sum(one.acknowledged_by is not None for one in active)
    at_work = sum(one.state in _GROUPS[1][1] for one in active)
    if yours:
        what = "One thing needs you" if yours == 1 else f"{yours} things need you"
        rest = len(active) - yours
        verb = "is" if rest == 1 else "are"
        also = f"{rest} more {verb} being seen to." if rest else "Nothing else is wrong."
        return what, also, "ask"
    if at_work:
        what = "One thing is wrong" if len(active) == 1 else f"{len(active)} things are wrong"
        return what, "opsmend is working on it. You need not do anything now.", "work"
    if taken:
        what = "One thing is wrong" if len(active) == 1 else f"{len(active)} things are wrong"
        return what, "Somebody has it. You need not do anything now.", "work"
    what = "One thing is held back" if len(active) == 1 else f"{len(active)} things are held back"
    return what, "opsmend waits; why stands below.", "wait"


def _notices(agent: Parts, now: datetime) -> Iterator[Notice]:
    for pause in agent.stores.pauses.in_force(now):
        what = "Paused." if pause.scope.is_everything else f"Paused: {pause.scope}."
        yield Notice("wait", what, f"Nothing of it is started: {pause}", pause.id)
    status = agent.status()
    for work, why in status["trouble"].items():
        yield Notice("bad", f"Trouble in {work}.", str(why))
    for part, why in agent.readiness().items():
        if why:
            yield Notice("wait", f"{part} is wanting.", why)


def _groups(active: Sequence[Incident], stores: Stores, now: datetime) -> Iterator[Group]:
    shown = [
        (title, [one for one in active if one.state in states and one.acknowledged_by is None])
        for title, states in _GROUPS
    ]
    shown.insert(1, (_TAKEN, [one for one in active if one.acknowledged_by is not None]))
    for title, mine in shown:
        mine.sort(key=lambda one: one.opened_at, reverse=True)
        if mine:
            yield Group(title, [_card(one, stores, now) for one in mine[:_MOST]])


def _card(incident: Incident, stores: Stores, now: datetime) -> Card:
    runs = stores.runs.of_incident(incident.id)
    summary = summarize(incident, runs, stores.approvals.newest(incident.id), now)
    return Card(
        incident.id,
        incident.title,
        incident.state,
        incident.host,
        incident.opened_at,
        summary.asks,
        incident.acknowledged_by,
    )


def _over(stores: Stores, now: datetime) -> list[IncidentSummary]:
    states = (IncidentState.RECOVERED, IncidentState.CLEARED, IncidentState.CLOSED)
    found = stores.incident_index.page(IncidentFilter(states=states, since=now - 2 * _DAY), _MOST_RECENT)
    return [one for one in found if one.closed_at is not None and one.closed_at >= now - _DAY]


def _recent(one: IncidentSummary, stores: Stores) -> Recent:
    assert one.closed_at is not None
    lasted = span_in_words(one.closed_at - one.opened_at)
    if one.state is IncidentState.RECOVERED:
        runs = stores.runs.of_incident(one.id)
        healer = next((run for run in reversed(runs) if run.verdict is Verdict.RECOVERED), None)
        by = f" by {healer.plan.remediation}" if healer else ""
        return Recent(one.id, one.title, one.closed_at, f"healed{by} in {lasted}")
    how = "went away by itself" if one.state is IncidentState.CLEARED else "closed by a person"
    return Recent(one.id, one.title, one.closed_at, f"{how} after {lasted}")


def _facts(status: Any, now: datetime) -> Iterator[Fact]:
    yield Fact("Mode", str(status["mode"]))
    polled = status["polled_at"]
    yield Fact("Last look", f"{span_in_words(now - polled)} ago" if polled else "none yet")
    yield Fact("Series watched", f"{status['series']:,}")
    yield Fact("Signals without an answer", str(len(status["signals_failed"])))
    yield Fact("Anomalies open", str(status["anomalies"]))
    yield Fact("Running since", f"{span_in_words(now - status['started_at'])}")
