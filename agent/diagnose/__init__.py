"""Frames and anomalies in, incidents with a diagnosis out."""

from agent.diagnose.live.dependencies import Dependencies
from agent.diagnose.live.incidents import IncidentGrouper, is_blind
from agent.diagnose.live.rules import RuleVoter
from agent.diagnose.live.voting import VotingEnsemble

__all__ = ["Dependencies", "IncidentGrouper", "RuleVoter", "VotingEnsemble", "is_blind"]
