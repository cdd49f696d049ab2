"""The response to incidents: what connects deciding, remediating and verifying over time."""

from agent.response.escalation import Escalation
from agent.response.operator_actions import OperatorActions, Person
from agent.response.outcomes import Outcomes
from agent.response.previews import Previews
from agent.response.responder import Responder
from agent.response.transitions import ACTOR
from agent.response.verifications import Verifications
from agent.response.workers import StoreJournal, Workers

__all__ = [
    "ACTOR",
    "Escalation",
    "OperatorActions",
    "Outcomes",
    "Person",
    "Previews",
    "Responder",
    "StoreJournal",
    "Verifications",
    "Workers",
]
