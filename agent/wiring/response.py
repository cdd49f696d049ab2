"""The parts that answer incidents in, the responder out."""

from __future__ import annotations

from agent.clock import Clock
from agent.collect import PrometheusSource
from agent.decide import Decider
from agent.decide.policy import may
from agent.records import Incident, RunRequest
from agent.response import (
    Asking,
    Autonomy,
    Deciding,
    Escalation,
    LatestView,
    Outcomes,
    Past,
    Previews,
    RelapseWatch,
    Responder,
    Verifications,
    Workers,
)
from agent.store import Stores
from agent.wiring.definitions import Current


def make_responder(
    stores: Stores,
    current: Current,
    decider: Decider,
    workers: Workers,
    previews: Previews,
    escalation: Escalation,
    source: PrometheusSource,
    latest: LatestView,
    clock: Clock,
) -> Responder:
    """Return the responder."""
    autonomy = Autonomy(current.policy, escalation)
    outcomes = Outcomes(
        stores=stores,
        catalog=current.catalog,
        workers=workers,
        verifications=Verifications(source, latest, lambda: current.settings.verify.interval, clock),
        escalation=escalation,
        autonomy=autonomy,
        clock=clock,
    )

    def is_critical(incident: Incident) -> bool:
        fault = current.book().faults.get(incident.fault or "")
        return fault is not None and fault.severity == "critical"

    def may_override(request: RunRequest) -> bool:
        return request.override_cooldown and may(current.policy(), request.person, "override")

    deciding = Deciding(
        stores=stores,
        decider=decider,
        outcomes=outcomes,
        asking=Asking(
            stores=stores,
            policy=current.policy,
            previews=previews,
            escalation=escalation,
            clock=clock,
        ),
        escalation=escalation,
        past=Past(decider, latest, clock),
        may_override=may_override,
        is_critical=is_critical,
        clock=clock,
    )
    return Responder(
        stores=stores,
        workers=workers,
        outcomes=outcomes,
        deciding=deciding,
        relapses=RelapseWatch(stores, current.catalog, autonomy, clock),
        clock=clock,
    )
