"""Frames and anomalies in, incidents with a diagnosis out."""

from agent.diagnose.live.advice import Advisor
from agent.diagnose.live.dependencies import Dependencies
from agent.diagnose.live.incidents import IncidentGrouper, is_blind
from agent.diagnose.live.rules import RuleVoter

__all__ = ["Advisor", "Dependencies", "IncidentGrouper", "RuleVoter", "is_blind"]
