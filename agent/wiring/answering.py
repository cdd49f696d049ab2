"""What parts stand on in, what decides about incidents and repairs out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from agent.clock import Clock
from agent.collect import PrometheusSource
from agent.decide import Decider
from agent.decide.policy import may
from agent.records import Incident, RunRequest
from agent.remediate import Steps
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
    StoreJournal,
    Verifications,
    Workers,
)
from agent.response.escalation import is_urgent
from agent.store import Stores
from agent.wiring.definitions import Current, load_steps
from agent.wiring.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What decides, asks, runs and calls people; ``latest`` is what it sees of the last poll."""

    decider: Decider
    escalation: Escalation
    previews: Previews
    workers: Workers
    latest: LatestView
    responder: Responder


def make_answering(ground: Ground) -> Answering:
    """Return what answers incidents."""
    current, stores, clock = ground.current, ground.stores, ground.clock
    latest = LatestView(clock)
    decider, escalation = make_decider(ground), make_escalation(current)
    workers = make_workers(ground, latest)
    previews = Previews(ground.ansible.runner, ground.ansible.snapshots, current.catalog, stores.approvals)
    return Answering(
        decider=decider,
        escalation=escalation,
        previews=previews,
        workers=workers,
        latest=latest,
        responder=make_responder(
            stores, current, decider, workers, previews, escalation, ground.source, latest, clock
        ),
    )


def make_decider(ground: Ground) -> Decider:
    """Return what decides which remediation fits, and whether it may run."""
    current = ground.current
    return Decider(
        current.catalog,
        current.policy,
        ground.ansible.inventory,
        ground.stores.history,
        lambda: current.settings.agent.mode,
        lambda: current.definitions.book.digest,
        lambda remediation: ground.ansible.snapshots.digest_of(remediation.folder),
    )


def make_escalation(current: Current) -> Escalation:
    """Return what calls people."""
    return Escalation(
        current.policy,
        lambda: current.settings.notify.escalate_to,
        lambda incident: is_urgent(incident, current.book().faults),
        lambda: current.settings.notify.informed,
    )


def make_workers(ground: Ground, latest: LatestView) -> Workers:
    """Return what carries out runs."""
    settings, ansible = ground.current.settings, ground.ansible
    return Workers(
        steps=Steps(
            ansible.runner,
            ansible.snapshots,
            partial(load_steps, factor=settings.agent.time_scale),
            StoreJournal(ground.stores.runs),
            ground.clock,
        ),
        stores=ground.stores,
        source_time=latest.source_time,
        clock=ground.clock,
        most=settings.remediate.max_parallel,
    )


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
