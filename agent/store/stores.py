"""The whole store: one object per kind of record, on one database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from agent.store.alerts import AlertStore
from agent.store.approvals import ApprovalStore
from agent.store.attempts import AttemptStore
from agent.store.audit import AuditStore
from agent.store.autonomy import AutonomyStore
from agent.store.cases import CaseStore
from agent.store.engine import Database
from agent.store.events import EventStore
from agent.store.failures import FailureStore
from agent.store.feed import Feed
from agent.store.feedback import FeedbackStore
from agent.store.forecasts import ForecastStore
from agent.store.history import History
from agent.store.in_force import InForceStore
from agent.store.incident_index import IncidentIndex
from agent.store.incidents import IncidentStore
from agent.store.investigations import InvestigationStore
from agent.store.links import LinkStore
from agent.store.logs import LogStore
from agent.store.notifications import NotificationStore
from agent.store.orders import OrderStore
from agent.store.pauses import PauseStore
from agent.store.proposals import ProposalStore
from agent.store.run_index import RunIndex
from agent.store.run_requests import RunRequestStore
from agent.store.runs import RunStore
from agent.store.tokens import TokenStore
from agent.store.topologies import TopologyStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The store, one object per kind of record."""

    database: Database
    alerts: AlertStore
    approvals: ApprovalStore
    attempts: AttemptStore
    audit: AuditStore
    autonomy: AutonomyStore
    cases: CaseStore
    events: EventStore
    failures: FailureStore
    feed: Feed
    feedback: FeedbackStore
    forecasts: ForecastStore
    history: History
    incident_index: IncidentIndex
    in_force: InForceStore
    incidents: IncidentStore
    investigations: InvestigationStore
    links: LinkStore
    logs: LogStore
    notifications: NotificationStore
    orders: OrderStore
    pauses: PauseStore
    proposals: ProposalStore
    run_index: RunIndex
    runs: RunStore
    tokens: TokenStore
    topologies: TopologyStore
    run_requests: RunRequestStore

    def transaction(self) -> AbstractContextManager[Connection]:
        """Yield what the functions of this package write through: all of it is kept, or nothing.

        Raises StoreUnavailable when it cannot be written.
        """
        return self.database.transaction()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


def open_stores(file: Path, upgrade: bool = True) -> Stores:
    """Open the store, which is brought to the newest schema only with ``upgrade``. Raises StoreError."""
    database = Database(file)
    database.open(upgrade)
    return Stores(
        database=database,
        alerts=AlertStore(database),
        approvals=ApprovalStore(database),
        attempts=AttemptStore(database),
        audit=AuditStore(database),
        autonomy=AutonomyStore(database),
        cases=CaseStore(database),
        events=EventStore(database),
        failures=FailureStore(database),
        feed=Feed(database),
        feedback=FeedbackStore(database),
        forecasts=ForecastStore(database),
        history=History(database),
        incident_index=IncidentIndex(database),
        in_force=InForceStore(database),
        incidents=IncidentStore(database),
        investigations=InvestigationStore(database),
        links=LinkStore(database),
        logs=LogStore(database),
        notifications=NotificationStore(database),
        orders=OrderStore(database),
        pauses=PauseStore(database),
        proposals=ProposalStore(database),
        run_index=RunIndex(database),
        runs=RunStore(database),
        tokens=TokenStore(database),
        topologies=TopologyStore(database),
        run_requests=RunRequestStore(database),
    )
