"""Incidents in, decisions with a reason out."""

from agent.decide.catalog import Remediation, load_catalog
from agent.decide.decider import Circumstances, Decided, Decider, describe, same_work
from agent.decide.targets import resolve_target

__all__ = [
    "Circumstances",
    "Decided",
    "Decider",
    "Remediation",
    "describe",
    "load_catalog",
    "resolve_target",
    "same_work",
]
