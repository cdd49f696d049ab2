"""Settings and parts in, what tells people of anomalies and of the agent's own trouble out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from agent.charts import IncidentCharts
from agent.clock import Clock
from agent.collect.http import HttpClient
from agent.config import Settings
from agent.notify import (
    AnomalyAlerts,
    AnomalyDigest,
    Notifier,
    OwnTroubleMessages,
    Reminders,
    Storyteller,
)
from agent.pipeline import Pipeline
from agent.records import Anomaly
from agent.store import Stores
from agent.wiring.agent import Announcer
from agent.wiring.definitions import Current
from agent.wiring.ground import Ground


def make_announcers(settings: Settings, stores: Stores, clock: Clock) -> Iterator[Announcer]:
    """Yield who is told of open anomalies."""
    if settings.notify.alertmanager is not None:
        section = settings.notify.alertmanager
        prometheus = settings.collect.prometheus.url
        yield AnomalyAlerts(_alertmanager(settings), section, settings.agent.name, prometheus, clock)
    if settings.notify.anomalies is not None:
        yield AnomalyDigest(stores.notifications, settings.notify.anomalies, clock)


def make_notifier(ground: Ground, pipeline: Pipeline, charts: IncidentCharts) -> Notifier:
    """Return what delivers messages, with what they say and show."""
    current, stores, settings = ground.current, ground.stores, ground.current.settings
    storyteller = Storyteller(
        stores,
        current.book,
        settings.agent.name,
        settings.api.public_url,
        settings.collect.prometheus.url,
        charts.of,
    )
    return Notifier(
        stores.notifications,
        storyteller,
        lambda: current.settings.notify.targets,
        ground.clock,
        anomalies=partial(anomalies_to_tell, settings, pipeline),
        draw=charts.of_anomaly,
        reminders=Reminders(
            stores,
            lambda: current.settings.notify.escalate_to,
            lambda: current.settings.notify.remind_every,
        ),
    )


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
