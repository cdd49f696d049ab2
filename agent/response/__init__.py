"""The response to incidents: what connects deciding, remediating and verifying over time."""

from agent.response.casebook import CaseBook, TrackRecord
from agent.response.deeds import Deeds, Person
from agent.response.escalation import Escalation
from agent.response.moves import ACTOR
from agent.response.outcomes import Outcomes
from agent.response.previews import Previews
from agent.response.responder import Responder
from agent.response.verifications import Verifications
from agent.response.workers import StoreJournal, Workers

__all__ = [
    "ACTOR",
    "CaseBook",
    "Deeds",
    "Escalation",
    "Outcomes",
    "Person",
    "Previews",
    "Responder",
    "StoreJournal",
    "TrackRecord",
    "Verifications",
    "Workers",
]
