"""Everything that is remembered. The only place with SQL.

A store object reads, and writes what stands alone. What must be kept together, a state, what led to it
and what people are told of it, is written by functions that take the same ``Stores.transaction``.
"""

from agent.store.alerts import AlertStore
from agent.store.approvals import (
    ApprovalStore,
    ask_approval,
    end_approval,
    need_voices,
    use_approval,
    withdraw_approvals,
)
from agent.store.audit import AuditStore
from agent.store.auditchain import AuditEntry, ChainState
from agent.store.autonomy import steps_of_autonomy, take_autonomy_step
from agent.store.engine import Database
from agent.store.history import History
from agent.store.incidents import IncidentStore, acknowledge_incident, move_incident, save_incident
from agent.store.notifications import (
    Message,
    Notification,
    NotificationStore,
    drop_messages,
    extend_message,
    messages_of,
    put_messages,
    told_targets,
)
from agent.store.pauses import PauseStore, pause_over, pauses_in_force
from agent.store.run_requests import RunRequestStore, add_request, answer_request, withdraw_requests
from agent.store.runs import RunStore, begin_run, mark_relapsed, save_run
from agent.store.stores import Stores, open_stores

__all__ = [
    "AlertStore",
    "ApprovalStore",
    "AuditEntry",
    "AuditStore",
    "ChainState",
    "Database",
    "History",
    "IncidentStore",
    "Message",
    "Notification",
    "NotificationStore",
    "PauseStore",
    "RunRequestStore",
    "RunStore",
    "Stores",
    "acknowledge_incident",
    "add_request",
    "answer_request",
    "ask_approval",
    "begin_run",
    "drop_messages",
    "end_approval",
    "extend_message",
    "mark_relapsed",
    "messages_of",
    "move_incident",
    "need_voices",
    "open_stores",
    "pause_over",
    "pauses_in_force",
    "put_messages",
    "save_incident",
    "save_run",
    "steps_of_autonomy",
    "take_autonomy_step",
    "told_targets",
    "use_approval",
    "withdraw_approvals",
    "withdraw_requests",
]
