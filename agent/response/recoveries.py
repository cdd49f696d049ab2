"""Recoveries, and whether they last: how sure it is that the run did it, and what breaks again too soon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from agent.clock import Clock
from agent.decide import Remediation
from agent.log import Logger
from agent.records import Attribution, Incident, Run
from agent.response.autonomy import Autonomy
from agent.response.transitions import ACTOR
from agent.store import Stores, mark_relapsed, put_messages
from agent.verify import Circumstances, Finding, attribute_recovery

log = Logger("response")


def attribute(stores: Stores, run: Run, incident: Incident, finding: Finding, clock: Clock) -> Attribution:
    """Return how sure it is that a run brought the recovery that was found."""
    began = run.started_at or run.created_at
    since = min((one.since for one in incident.best.symptoms), default=began) if incident.best else began
    gone = finding.holding_since or clock.now()
    peers, peers_recovered = stores.history.untreated(run.plan.fault, incident.id, began)
    alone, earlier = stores.history.spontaneous(run.plan.fault)
    return attribute_recovery(
        Circumstances(
            lasted=max(began - since, timedelta(0)),
            took=max(gone - began, timedelta(0)),
            peers=peers,
            peers_recovered=peers_recovered,
            earlier=earlier,
            earlier_alone=alone,
        )
    )


class RelapseWatch:
    """Notices that what a run had healed broke again within the time that its remediation says."""

    def __init__(
        self,
        stores: Stores,
        catalog: Callable[[], Mapping[str, Remediation]],
        autonomy: Autonomy,
        clock: Clock,
    ) -> None:
        self._autonomy = autonomy
        self._stores = stores
        self._catalog = catalog
        self._clock = clock
        self._seen: set[int] = set()  # incidents that were looked at

    def notice(self, incident: Incident) -> None:
        """Mark the run whose recovery a new incident proves short-lived."""
        if incident.id in self._seen:
            return
        healed = self._stores.runs.last_recovery(incident.entity, incident.opened_at)
        if healed is not None and self._is_relapse(healed, incident):
            now = self._clock.now()
            with self._stores.transaction() as connection:
                mark_relapsed(connection, healed.id, now, ACTOR)
                news = self._autonomy.after_relapse(connection, healed, incident, now)
                put_messages(connection, incident.id, news, now)
            log.warning("what had recovered broke again", run=healed.id, incident=incident.id)
        self._seen.add(incident.id)

    def forget_others(self, active: set[int]) -> None:
        """Drop what is over."""
        self._seen &= active

    def _is_relapse(self, healed: Run, incident: Incident) -> bool:
        remediation = self._catalog().get(healed.plan.remediation)
        if remediation is None or healed.verified_at is None or incident.id == healed.incident_id:
            return False
        if incident.fault not in {healed.plan.fault, *remediation.file.fixes}:
            return False
        return incident.opened_at - healed.verified_at <= remediation.file.verify.relapse
