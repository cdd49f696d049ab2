"""Everything that is remembered. The only place with SQL."""

from agent.store.approvals import Approval, ApprovalStore
from agent.store.engine import Database
from agent.store.incidents import IncidentStore
from agent.store.pauses import Pause, PauseStore
from agent.store.runs import RunStore

__all__ = [
    "Approval",
    "ApprovalStore",
    "Database",
    "IncidentStore",
    "Pause",
    "PauseStore",
    "RunStore",
]
