"""The small frozen records that pass between the rooms."""

from agent.records.findings import Anomaly, Candidate, Diagnosis, Symptom
from agent.records.incidents import Incident, IncidentState, Transition
from agent.records.inventory import InventoryHost
from agent.records.metrics import BoolArray, FloatArray, Frame, IntArray, Series
from agent.records.runs import (
    Action,
    CheckResult,
    Decision,
    ParameterValue,
    Plan,
    Run,
    RunState,
    StepOutcome,
    TaskEvent,
    Verdict,
)

__all__ = [
    "Action",
    "Anomaly",
    "BoolArray",
    "Candidate",
    "CheckResult",
    "Decision",
    "Diagnosis",
    "FloatArray",
    "Frame",
    "Incident",
    "IncidentState",
    "IntArray",
    "InventoryHost",
    "ParameterValue",
    "Plan",
    "Run",
    "RunState",
    "Series",
    "StepOutcome",
    "Symptom",
    "TaskEvent",
    "Transition",
    "Verdict",
]
