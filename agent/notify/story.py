"""An incident in, the whole story of it for people out: what, where, why, what was tried, where to look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

from agent.charts import Chart
from agent.config.promql import with_rate_interval
from agent.config.rulefiles import Rulebook
from agent.decide import describe
from agent.detect.seriesquery import query_of_series
from agent.notify.links import make_link
from agent.records import Approval, Incident, IncidentState, Run, Verdict
from agent.records.investigations import Investigation
from agent.store import Notification, Stores

Tone = Literal["call", "question", "news", "over"]

_MOST_REASONS, _MOST_SAID = 4, 6  # lines of a message
_AT_ONCE = timedelta(minutes=1)  # what is due later than this was for others first
_TITLES = {
    "approval": "may I?",
    "escalated": "for you",
    "storm": "storm",
    "recovered": "recovered",
    "over": "over",
    "acknowledged": "taken",
    "joined": "more",
    "autonomy": "autonomy",
}
_TONES: Mapping[str, Tone] = {
    "approval": "question",
    "escalated": "call",
    "storm": "call",
    "recovered": "over",
    "over": "over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a message says, with its picture. ``thread`` is what it belongs to, ``tone`` how grave it is."""

    title: str
    body: str
    chart: Chart | None = None
    thread: str = ""
    tone: Tone = "news"


class Storyteller:
    """Tells the story of incidents."""

    def __init__(
        self,
        stores: Stores,
        book: Callable[[], Rulebook],
        name: str,
        public_url: str | None,
        prometheus_url: str,
        charts: Callable[[Incident, Sequence[Run]], Sequence[Chart]],
    ) -> None:
        self._charts = charts
        self._stores = stores
        self._book = book
        self.name = name
        self.public_url = public_url
        self._prometheus_url = prometheus_url

    def tell(
        self,
        notification: Notification,
        now: datetime,
        person: str | None = None,
        previews: bool = False,
    ) -> Story:
        """Return the story as it stands now. Raises NotFoundError when the incident is gone.

        ``person`` is who reads it, where that is one: a request then has a link by which they may answer.
        ``previews`` is whether its readers may see what check mode says, lines of files included.
        """
        incident_id = notification.incident_id or 0
        incident = self._stores.incidents.get(incident_id)
        runs = self._stores.runs.of_incident(incident_id)
        approval = self._stores.approvals.newest(incident_id)
        parts = [
            _subject(notification),
            _opening(notification.kind, incident, now),
            _who_has_it(notification, incident),
            _why(incident),
            _found_out(self._stores.investigations.newest(incident_id)),
            _tried(runs),
            _question(notification.kind, incident, approval, previews),
            self._answer_by_link(notification.kind, approval, person, now),
            self._links(incident),
        ]
        title = f"{_TITLES.get(notification.kind, notification.kind)}: {incident.title}"
        return Story(
            title=f"[{self.name}] {title}",
            body="\n\n".join(part for part in parts if part),
            chart=next((one for one in self._charts(incident, runs) if one.lines), None),
            thread=f"{self.name}-incident-{incident.id}",
            tone=_TONES.get(notification.kind, "news"),
        )

    def _answer_by_link(self, kind: str, approval: Approval | None, person: str | None, now: datetime) -> str:
        asks = kind == "approval" and approval is not None and approval.state == "pending"
        if not asks or person is None or self.public_url is None:
            return ""
        assert approval is not None
        link = make_link(self._stores.links, approval, person, self.public_url, now)
        return f"Answer on a page made for {person} and this request; opening it changes nothing:\n  {link}"

    def _query(self, incident: Incident) -> str:
        for symptom in incident.best.symptoms if incident.best else ():
            if symptom.source in self._book().signals:
                query = with_rate_interval(self._book().signals[symptom.source].query)
                return query_of_series(query, symptom.labels)
        return ""

    def _links(self, incident: Incident) -> str:
        lines = [f"opsmend incident show {incident.id}"]
        if self.public_url:
            lines.append(f"{self.public_url}/incidents/{incident.id}")
        query = self._query(incident)
        if query:
            graph = urlencode({"g0.expr": query, "g0.tab": "0", "g0.range_input": "1h"})
            lines.append(f"{self._prometheus_url}/graph?{graph}")
        return "Look at it:\n" + "\n".join(f"  {line}" for line in lines)


def _opening(kind: str, incident: Incident, now: datetime) -> str:
    minutes = (now - incident.opened_at).total_seconds() / 60
    where = f" on {incident.host}" if incident.host and incident.host not in incident.entity else ""
    since = f"{incident.opened_at:%Y-%m-%d %H:%M:%S} UTC, {minutes:.0f} minutes ago"
    opening = f"{incident.title}{where}. Found at {since}."
    if kind in ("recovered", "over"):
        return f"{opening} It is over: {incident.reason.text if incident.reason else incident.state.value}."
    if kind == "storm":
        return f"{opening} It is one of many: {incident.detail}. Nothing more is started until it calms down."
    if kind == "escalated" and incident.reason:
        return f"{opening} It is for people because {incident.reason.text}" + (
            f": {incident.detail}." if incident.detail else "."
        )
    return opening


def _who_has_it(notification: Notification, incident: Incident) -> str:
    if incident.state is not IncidentState.ESCALATED:
        return ""
    if incident.acknowledged_by is not None:
        return f"{incident.acknowledged_by} has it since {incident.acknowledged_at:%H:%M} UTC."
    later = notification.kind == "escalated" and notification.due_at - notification.created_at > _AT_ONCE
    nobody = "Nobody who was called before you has taken it." if later else "Nobody has taken it yet."
    return f"{nobody} Take it, and nobody further is called:\n  opsmend incident acknowledge {incident.id}"


def _subject(notification: Notification) -> str:
    return notification.subject if notification.kind == "autonomy" else _joined(notification.subject)


def _joined(subject: str) -> str:
    faults = subject.splitlines()
    if not faults:
        return ""
    more = f"\n  and {len(faults) - _MOST_REASONS} more" if len(faults) > _MOST_REASONS else ""
    return "New in it:\n" + "\n".join(f"  {one}" for one in faults[:_MOST_REASONS]) + more


def _why(incident: Incident) -> str:
    if incident.best is None:
        return "The cause is unknown: no rule explains what is seen."
    lines = []
    for place, candidate in enumerate(incident.diagnosis.candidates[:3]):
        word = "Diagnosis" if place == 0 else "Or"
        sure = f"confidence {candidate.confidence:.2f}"
        lines.append(f"{word}: {candidate.fault} on {candidate.entity} ({sure}), because")
        lines += [f"  {evidence}" for evidence in candidate.evidence]
        lines += [f"  {symptom.text}, since {symptom.since:%H:%M:%S} UTC" for symptom in candidate.symptoms]
    return "\n".join(lines)


def _found_out(investigation: Investigation | None) -> str:
    """Return where it comes from, as far as anybody looked into it."""
    if investigation is None or not investigation.report.get("root_causes"):
        return ""
    cause = investigation.report["root_causes"][0]
    lines = [
        str(investigation.report["summary"]),
        *(f"  {text}" for text in cause["evidence"][:_MOST_REASONS]),
    ]
    lines += [f"  but {text}" for text in cause["against"]]
    lines += [f"  {cause['path']}"] if cause["path"] else []
    lines += [f"  {one.host} says: {text}" for one in investigation.probes for text in one.findings][
        :_MOST_SAID
    ]
    return "\n".join(lines)


def _tried(runs: list[Run]) -> str:
    lines = []
    for run in runs:
        verdict = "being verified" if run.verdict is Verdict.PENDING else run.verdict.value.replace("_", " ")
        lines.append(f"  {describe(run.plan)}: {run.state.value}, {verdict}")
        if run.detail:
            lines.append(f"    {run.detail}")
        for check in run.checks:
            lines.append(f"    {check.text}: {check.numbers or check.detail or 'not measured'}")
    return "Tried:\n" + "\n".join(lines) if lines else "Nothing was tried yet."


def _question(kind: str, incident: Incident, approval: Approval | None, previews: bool) -> str:
    if kind != "approval" or approval is None or approval.state != "pending":
        return ""
    lines = [
        f"The plan: {describe(approval.plan)}.",
        f"{approval.needed} yes needed until {approval.expires_at:%H:%M} UTC:",
        f"  opsmend incident approve {incident.id}   or   deny {incident.id}",
    ]
    if approval.preview and previews:
        lines += ["What check mode says:", approval.preview[:3000]]
    return "\n".join(lines)
