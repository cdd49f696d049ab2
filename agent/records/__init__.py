"""The small frozen records that pass between the rooms.

Those of metrics are imported when they are asked for: a command that shows an incident holds no array, and
NumPy would be a third of its time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from agent.records.alerts import Alert
from agent.records.arrivals import ArrivalKind, Arrivals, Event, LogCount, LogLine, LogSpan, TemplateSeen
from agent.records.decisions import (
    Answer,
    Ask,
    Decision,
    Forbidden,
    NotNow,
    Option,
    ParameterValue,
    Plan,
    Proceed,
    Unfit,
)
from agent.records.findings import Anomaly, Candidate, Diagnosis, Harm, Held, Symptom, Vote
from agent.records.incidents import Incident, IncidentState, Transition
from agent.records.inventory import HostNames, InventoryHost
from agent.records.pauses import KnownNames, Pause, PauseScope
from agent.records.people import Approval, ApprovalVote, Person, RunRequest, count_voices
from agent.records.recording import RecordingRule
from agent.records.runs import (
    Attribution,
    CheckResult,
    Leftovers,
    Moment,
    Run,
    RunPhase,
    RunState,
    StepOutcome,
    TaskEvent,
    Trial,
    Verdict,
)
from agent.records.topology import Topology

if TYPE_CHECKING:
    from agent.records.metrics import BoolArray, Doubt, FloatArray, Frame, IntArray, Series

__all__ = [
    "Alert",
    "Anomaly",
    "Answer",
    "Approval",
    "ApprovalVote",
    "ArrivalKind",
    "Arrivals",
    "Ask",
    "Attribution",
    "BoolArray",
    "Candidate",
    "CheckResult",
    "Decision",
    "Diagnosis",
    "Doubt",
    "Event",
    "FloatArray",
    "Forbidden",
    "Frame",
    "Harm",
    "Held",
    "HostNames",
    "Incident",
    "IncidentState",
    "IntArray",
    "InventoryHost",
    "KnownNames",
    "Leftovers",
    "LogCount",
    "LogLine",
    "LogSpan",
    "Moment",
    "NotNow",
    "Option",
    "ParameterValue",
    "Pause",
    "PauseScope",
    "Person",
    "Plan",
    "Proceed",
    "RecordingRule",
    "Run",
    "RunPhase",
    "RunRequest",
    "RunState",
    "Series",
    "StepOutcome",
    "Symptom",
    "TaskEvent",
    "TemplateSeen",
    "Topology",
    "Transition",
    "Trial",
    "Unfit",
    "Verdict",
    "Vote",
    "count_voices",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.metrics"), name)
