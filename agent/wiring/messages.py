"""Settings and parts in, what tells people of anomalies and of the agent's own trouble out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.clock import Clock
from agent.collect.http import HttpClient
from agent.config import Settings
from agent.notify import AnomalyAlerts, AnomalyDigest, Notifier, OwnTroubleMessages
from agent.pipeline import Pipeline
from agent.records import Anomaly
from agent.store import Stores
from agent.wiring.agent import Announcer
from agent.wiring.definitions import Current


def make_announcers(settings: Settings, stores: Stores, clock: Clock) -> Iterator[Announcer]:
    """Yield who is told of open anomalies."""
    if settings.notify.alertmanager is not None:
        section = settings.notify.alertmanager
        prometheus = settings.collect.prometheus.url
        yield AnomalyAlerts(_alertmanager(settings), section, settings.agent.name, prometheus, clock)
    if settings.notify.anomalies is not None:
        yield AnomalyDigest(stores.notifications, settings.notify.anomalies, clock)


def make_own_trouble_messages(settings: Settings, current: Current, notifier: Notifier) -> OwnTroubleMessages:
    """Return what tells of the agent's own trouble, without the store."""
    return OwnTroubleMessages(
        settings.agent.name,
        targets=lambda: current.settings.notify.targets,
        first=lambda: current.settings.notify.escalate_to,
        undelivered=lambda: list(notifier.undelivered),
        alertmanager=_alertmanager(settings) if settings.notify.alertmanager is not None else None,
    )


def anomalies_to_tell(settings: Settings, pipeline: Pipeline) -> Sequence[Anomaly]:
    """Return the open anomalies that are sure enough for a message."""
    wanted = settings.notify.anomalies.confidence if settings.notify.anomalies else 1.0
    return [one for one in pipeline.anomalies if one.confidence >= wanted]


def _alertmanager(settings: Settings) -> HttpClient:
    assert settings.notify.alertmanager is not None
    return HttpClient("Alertmanager", "notify.alertmanager", settings.notify.alertmanager)
