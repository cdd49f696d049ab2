"""The response to incidents: what connects deciding, remediating and verifying over time."""

from agent.records import Person
from agent.response.asking import Asking
from agent.response.autonomy import Autonomy
from agent.response.deciding import Deciding
from agent.response.escalation import Escalation
from agent.response.latest import LatestView, View
from agent.response.operator_actions import OperatorActions
from agent.response.outcomes import Outcomes
from agent.response.past import Past
from agent.response.people import person_at_the_keyboard, person_of
from agent.response.previews import Previews
from agent.response.recoveries import RelapseWatch
from agent.response.responder import Responder
from agent.response.transitions import ACTOR
from agent.response.verifications import Verifications
from agent.response.workers import StoreJournal, Workers

__all__ = [
    "ACTOR",
    "Asking",
    "Autonomy",
    "Deciding",
    "Escalation",
    "LatestView",
    "OperatorActions",
    "Outcomes",
    "Past",
    "Person",
    "Previews",
    "RelapseWatch",
    "Responder",
    "StoreJournal",
    "Verifications",
    "View",
    "Workers",
    "person_at_the_keyboard",
    "person_of",
]
