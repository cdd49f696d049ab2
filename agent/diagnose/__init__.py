"""Frames and anomalies in, incidents with a diagnosis out."""

from agent.diagnose.advice import Advisor
from agent.diagnose.dependencies import Dependencies
from agent.diagnose.incidents import IncidentGrouper, is_blind
from agent.diagnose.rules import RuleVoter

__all__ = ["Advisor", "Dependencies", "IncidentGrouper", "RuleVoter", "is_blind"]
