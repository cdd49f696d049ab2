"""What somebody said of an incident in, what it would teach out: of its voters, and as a case."""

from __future__ import annotations

from agent.records.cases import Hypothesis, Outcome, PastCase, PastIncident
from agent.records.feedback import Feedback, FeedbackKind
from agent.records.incidents import Incident
from agent.records.proposals import ProvedNaming, Teaching
from agent.records.runs import Verdict

_SURE = 0.5  # a word counts half of a proof on metrics
_NOBODY_KNOWS = frozenset({"unknown", "unknown_alert"})


def teaching_of(said: Feedback, incident: Incident) -> Teaching:
    """Return what it would change.

    That a diagnosis was right or wrong is said of the voters for its likeliest fault; that it was another
    fault, of all voters. What was fixed by a remediation, or was another fault, is a case too.
    """
    candidates = incident.diagnosis.candidates
    best = candidates[0].fault if candidates else ""
    named = {voter: one.fault for one in reversed(candidates) for voter in one.voters}
    match said.kind:
        case FeedbackKind.RIGHT:
            right = {voter: True for voter, fault in named.items() if fault == best}
        case FeedbackKind.WRONG:
            right = {voter: False for voter, fault in named.items() if fault == best}
        case FeedbackKind.IT_WAS:
            right = {voter: fault == said.fault for voter, fault in named.items()}
        case _:
            right = {}
    return Teaching(
        feedback=said,
        outcomes=tuple(Outcome(voter=voter, right=good, sure=_SURE) for voter, good in right.items()),
        case=_case(said, incident, said.fault or best),
    )


def proved_naming(past: PastIncident) -> ProvedNaming | None:
    """Return what voters said of an incident whose fault a lasting repair proved, None where none did."""
    lasting = [one.fault for one in past.repairs if one.verdict is Verdict.RECOVERED and one.lasted]
    candidates = past.incident.diagnosis.candidates
    if not lasting or lasting[-1] in _NOBODY_KNOWS or not any(one.voters for one in candidates):
        return None
    return ProvedNaming(
        incident_id=past.incident.id,
        fault=lasting[-1],
        hypotheses=tuple(
            Hypothesis(voter=voter, fault=one.fault, confidence=sure)
            for one in candidates
            for voter, sure in one.voters.items()
        ),
        seen=tuple(sorted({symptom.source for one in candidates for symptom in one.symptoms})),
    )


def _case(said: Feedback, incident: Incident, fault: str) -> PastCase | None:
    seen = sorted({one.source for each in incident.diagnosis.candidates for one in each.symptoms})
    if said.kind not in (FeedbackKind.IT_WAS, FeedbackKind.FIXED_BY) or not seen or fault in _NOBODY_KNOWS:
        return None
    return PastCase(
        id=f"incident_{incident.id}",
        fault=fault,
        fingerprint={f"signal:{source}": 1.0 for source in seen},
        helped=(said.remediation,) if said.remediation else (),
        summary=f"{incident.title}, as {said.author} said",
        weight=_SURE,
    )
