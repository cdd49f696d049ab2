"""Frames and anomalies in, incidents with a diagnosis out."""

from agent.diagnose.incidents import IncidentGrouper, is_blind
from agent.diagnose.rules import RuleVoter

__all__ = ["IncidentGrouper", "RuleVoter", "is_blind"]
