"""What was found of a run in, what it was worth and where its incident stands after it out."""

from __future__ import annotations

from agent.decide import Remediation
from agent.reasons import Reason
from agent.records import IncidentState, Run, RunPhase, RunState, Verdict
from agent.records.runs import NOTHING_DONE
from agent.response.phases import Found

STATE_OF = {
    RunPhase.INTENDED: IncidentState.REMEDIATING,
    RunPhase.RUNNING: IncidentState.REMEDIATING,
    RunPhase.CLEANING_UP: IncidentState.REMEDIATING,
    RunPhase.ROLLING_BACK: IncidentState.REMEDIATING,
    RunPhase.VERIFYING: IncidentState.VERIFYING,
}
"""Where an incident stands while a run of it is in a phase."""

# ends of a run that people hear of whatever the symptoms do
_FOR_PEOPLE = (Reason.LEFTOVERS_UNKNOWN, Reason.ROLLBACK_FAILED, Reason.INTERNAL_ERROR)


def verdict_of(run: Run, phase: RunPhase, found: Found, detail: str) -> tuple[Verdict, Reason, str]:
    """Return verdict, reason and detail of a run that is over."""
    match found:
        case Found.JUDGED | Found.UNDONE:
            return run.verdict, run.verdict_reason or Reason.CHECKS_FAILED, run.detail or detail
        case Found.NOT_UNDONE:
            return run.verdict, Reason.ROLLBACK_FAILED, f"{run.detail}; rollback: {detail}".strip("; ")
        case Found.USED_UP if phase is RunPhase.CLEANING_UP:
            return Verdict.UNKNOWN, Reason.LEFTOVERS_UNKNOWN, run.detail
        case Found.USED_UP if phase is RunPhase.ROLLING_BACK:
            return run.verdict, Reason.ROLLBACK_FAILED, run.detail
        case Found.USED_UP:
            return Verdict.UNKNOWN, Reason.INTERNAL_ERROR, run.detail
        case Found.OUT_OF_REACH | Found.CANCELED | Found.NOT_BEGUN | Found.NOT_KNOWN:
            return Verdict.UNKNOWN, run.reason or Reason.CANCELED, run.detail
    how = Reason.STEP_FAILED if run.reason is None or run.reason in NOTHING_DONE else run.reason
    return Verdict.NOT_RECOVERED, how, run.detail


def state_after(run: Run) -> IncidentState:
    """Return where an incident stands after a run of it is judged."""
    if run.verdict is Verdict.RECOVERED:
        return IncidentState.RECOVERED
    return IncidentState.ESCALATED if run.verdict_reason in _FOR_PEOPLE else IncidentState.OPEN


def wants_rollback(run: Run, remediation: Remediation) -> bool:
    """Return whether a rollback is declared for a verdict, or for steps that did not come to their end."""
    if run.verdict is Verdict.RECOVERED:
        return False
    rollback = remediation.file.rollback
    halfway = run.state is not RunState.SUCCEEDED and rollback.wanted_for(Reason.STEP_FAILED)
    return halfway or (run.verdict_reason is not None and rollback.wanted_for(run.verdict_reason))
