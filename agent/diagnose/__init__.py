"""Frames and anomalies in, incidents with a diagnosis out."""

from agent.diagnose.live.dependencies import Dependencies
from agent.diagnose.live.lifecycle import Changes, IncidentLifecycle
from agent.diagnose.live.presence import Clearance, Visibility
from agent.diagnose.live.rules import RuleVoter
from agent.diagnose.live.voting import VotingEnsemble

__all__ = [
    "Changes",
    "Clearance",
    "Dependencies",
    "IncidentLifecycle",
    "RuleVoter",
    "Visibility",
    "VotingEnsemble",
]
