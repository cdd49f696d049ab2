"""The small frozen records that pass between the rooms."""

from agent.records.alerts import Alert
from agent.records.arrivals import ArrivalKind, Arrivals, Event, LogCount, LogLine, LogSpan, TemplateSeen
from agent.records.findings import Anomaly, Candidate, Diagnosis, Held, Symptom, Vote
from agent.records.incidents import Incident, IncidentState, Transition
from agent.records.inventory import InventoryHost
from agent.records.metrics import BoolArray, Doubt, FloatArray, Frame, IntArray, Series
from agent.records.runs import (
    Action,
    Attribution,
    CheckResult,
    Decision,
    Option,
    ParameterValue,
    Plan,
    Run,
    RunState,
    StepOutcome,
    TaskEvent,
    Verdict,
)
from agent.records.topology import Topology

__all__ = [
    "Action",
    "Alert",
    "Anomaly",
    "ArrivalKind",
    "Arrivals",
    "Attribution",
    "BoolArray",
    "Candidate",
    "CheckResult",
    "Decision",
    "Diagnosis",
    "Doubt",
    "Event",
    "FloatArray",
    "Frame",
    "Held",
    "Incident",
    "IncidentState",
    "IntArray",
    "InventoryHost",
    "LogCount",
    "LogLine",
    "LogSpan",
    "Option",
    "ParameterValue",
    "Plan",
    "Run",
    "RunState",
    "Series",
    "StepOutcome",
    "Symptom",
    "TaskEvent",
    "TemplateSeen",
    "Topology",
    "Transition",
    "Verdict",
    "Vote",
]
