"""Everything that is remembered. The only place with SQL."""

from agent.store.alerts import AlertStore
from agent.store.approvals import Approval, ApprovalStore, Vote
from agent.store.audit import AuditEntry, AuditStore, ChainState
from agent.store.engine import Database
from agent.store.history import History
from agent.store.incidents import IncidentStore
from agent.store.notifications import Notification, NotificationStore
from agent.store.pauses import Pause, PauseStore
from agent.store.run_requests import RunRequest, RunRequestStore
from agent.store.runs import RunStore
from agent.store.stores import Stores, open_stores

__all__ = [
    "AlertStore",
    "Approval",
    "ApprovalStore",
    "AuditEntry",
    "AuditStore",
    "ChainState",
    "Database",
    "History",
    "IncidentStore",
    "Notification",
    "NotificationStore",
    "Pause",
    "PauseStore",
    "RunRequest",
    "RunRequestStore",
    "RunStore",
    "Stores",
    "Vote",
    "open_stores",
]
