"""The response to incidents: what connects deciding, remediating and verifying over time."""

from agent.response.responder import ACTOR, Responder
from agent.response.verifications import Verifications
from agent.response.workers import StoreJournal, Workers

__all__ = ["ACTOR", "Responder", "StoreJournal", "Verifications", "Workers"]
