"""An incident in, what people need first out: what is wrong, what was done, what it asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.decide import describe
from agent.quantity import span_in_words
from agent.reasons import Reason
from agent.records import Approval, Incident, IncidentState, Run, Verdict, count_voices


@dataclass(frozen=True, slots=True)
class Summary:
    """Three answers, a sentence or two each."""

    what: str
    done: str
    asks: str


def summarize(incident: Incident, runs: Sequence[Run], approval: Approval | None, now: datetime) -> Summary:
    """Return what is wrong, what was done about it, and what is asked of people."""
    return Summary(_what(incident), _done(runs, now), _asks(incident, approval))


def _what(incident: Incident) -> str:
    best = incident.best
    if best is None or best.fault == "unknown":
        return f"Something is wrong with {incident.entity}, and no rule explains what is seen."
    evidence = best.evidence[0] if best.evidence else incident.title
    sure = f"{best.confidence * 100:.0f} % sure"
    ended = "." if not evidence.endswith((".", "!", "?")) else ""
    # a name is left as it is: nginx.service, web1
    first = evidence.partition(" ")[0]
    begun = evidence[:1].upper() + evidence[1:] if first.isalpha() else evidence
    return f"{begun}{ended} opsmend is {sure} of it."


def _done(runs: Sequence[Run], now: datetime) -> str:
    begun = [run for run in runs if run.started_at is not None]
    if not begun:
        return "Nothing was done about it."
    return " ".join(_outcome(run, now) for run in begun[-3:])


def _outcome(run: Run, now: datetime) -> str:
    what = describe(run.plan)
    if not run.state.ended:
        assert run.started_at is not None
        return f"{what} has been at work for {span_in_words(now - run.started_at)}."
    match run.verdict:
        case Verdict.RECOVERED:
            return f"{what} ran, and recovery was proved on fresh metrics."
        case Verdict.PENDING:
            return f"{what} ran; whether it helped is being looked at."
        case Verdict.UNKNOWN:
            return f"{what} ran; whether it helped cannot be told, the metrics are missing."
        case Verdict.WORSE:
            return f"{what} ran and made it worse."
        case _:
            why = f": {run.reason.text}" if run.reason and run.state.value != "succeeded" else ""
            return f"{what} ran and did not help{why}."


def _asks(incident: Incident, approval: Approval | None) -> str:
    why = incident.reason.text if incident.reason else ""
    match incident.state:
        case IncidentState.AWAITING_APPROVAL if approval is not None and approval.state == "pending":
            missing = approval.needed - count_voices(approval.votes)
            return f"A yes to {describe(approval.plan)}, from {_people(missing)}."
        case IncidentState.ESCALATED if incident.acknowledged_by is not None:
            return f"{incident.acknowledged_by} has it, since {incident.acknowledged_at:%H:%M} UTC: {why}."
        case IncidentState.ESCALATED:
            return f"Somebody has to take it: {why}."
        case IncidentState.HELD if incident.reason is Reason.MODE_OBSERVE and incident.detail:
            return f"Nothing. {why[:1].upper()}{why[1:]}: {incident.detail}."
        case IncidentState.HELD:
            return f"Nothing yet. It is held back: {why}."
        case IncidentState.OPEN | IncidentState.AWAITING_APPROVAL:
            return "Nothing yet; what to do is being decided."
        case IncidentState.REMEDIATING | IncidentState.VERIFYING:
            return "Nothing; it is being worked on."
        case _:
            return f"Nothing; it is over: {why}." if why else "Nothing; it is over."


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"
