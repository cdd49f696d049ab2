"""The small frozen records that pass between the rooms."""

from agent.records.alerts import Alert
from agent.records.findings import Anomaly, Candidate, Diagnosis, Symptom
from agent.records.incidents import Incident, IncidentState, Transition
from agent.records.inventory import InventoryHost
from agent.records.metrics import BoolArray, FloatArray, Frame, IntArray, Series
from agent.records.runs import (
    Action,
    CheckResult,
    Decision,
    Effect,
    Option,
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
    "Alert",
    "Anomaly",
    "BoolArray",
    "Candidate",
    "CheckResult",
    "Decision",
    "Diagnosis",
    "Effect",
    "FloatArray",
    "Frame",
    "Incident",
    "IncidentState",
    "IntArray",
    "InventoryHost",
    "Option",
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
