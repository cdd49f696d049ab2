"""The small frozen records that pass between the rooms.

Those of metrics are imported when they are asked for: a command that shows an incident holds no array, and
NumPy would be a third of its time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from agent.records.alerts import Alert
from agent.records.arrivals import ArrivalKind, Arrivals, Event, LogCount, LogLine, LogSpan, TemplateSeen
from agent.records.findings import Anomaly, Candidate, Diagnosis, Harm, Held, Symptom, Vote
from agent.records.incidents import Incident, IncidentState, Transition
from agent.records.inventory import InventoryHost
from agent.records.runs import (
    Action,
    Attribution,
    CheckResult,
    Decision,
    Leftovers,
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

if TYPE_CHECKING:
    from agent.records.metrics import BoolArray, Doubt, FloatArray, Frame, IntArray, Series

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
    "Harm",
    "Held",
    "Incident",
    "IncidentState",
    "IntArray",
    "InventoryHost",
    "Leftovers",
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


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.metrics"), name)
