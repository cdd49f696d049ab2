"""How states are called and coloured on pages: what it means for who looks, not what the machine is in."""

from __future__ import annotations

from collections.abc import Mapping

from agent.records import IncidentState, RunState, Verdict

TONES: Mapping[str, str] = {
    IncidentState.OPEN: "work",
    IncidentState.HELD: "wait",
    IncidentState.AWAITING_APPROVAL: "ask",
    IncidentState.REMEDIATING: "work",
    IncidentState.VERIFYING: "work",
    IncidentState.ESCALATED: "ask",
    IncidentState.RECOVERED: "well",
    IncidentState.CLEARED: "well",
    IncidentState.CLOSED: "still",
    RunState.INTENDED: "work",
    RunState.RUNNING: "work",
    RunState.SUCCEEDED: "well",
    RunState.FAILED: "bad",
    RunState.TIMED_OUT: "bad",
    RunState.CANCELED: "still",
    RunState.INTERRUPTED: "wait",
    Verdict.PENDING: "work",
    Verdict.NOT_RECOVERED: "bad",
    Verdict.WORSE: "bad",
    Verdict.UNKNOWN: "wait",
}

LABELS: Mapping[str, str] = {
    IncidentState.OPEN: "Looking into it",
    IncidentState.HELD: "Held back",
    IncidentState.AWAITING_APPROVAL: "Needs your yes",
    IncidentState.REMEDIATING: "Being repaired",
    IncidentState.VERIFYING: "Being verified",
    IncidentState.ESCALATED: "For you",
    IncidentState.RECOVERED: "Recovered",
    IncidentState.CLEARED: "Went away",
    IncidentState.CLOSED: "Closed",
}
