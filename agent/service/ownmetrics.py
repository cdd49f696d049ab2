"""What the agent measures of itself when it is scraped: incidents, messages, pause, store, models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.background.places import open_fault_shelf, open_shelf
from agent.errors import ModelError, StoreError
from agent.records import IncidentState
from agent.records.incidents import ACTIVE_STATES
from agent.service.jobs import Jobs
from agent.wiring import Agent

_MODES = ("observe", "approve", "auto")
_FILES = ("", "-wal")  # of SQLite


class OwnMetrics(Collector):
    """Reads what stands in the store. What cannot be read is missing, and ``opsmend_store_up`` is 0."""

    def __init__(self, agent: Agent, jobs: Jobs) -> None:
        self._agent = agent
        self._jobs = jobs

    def describe(self) -> Iterable[Metric]:
        """Say that names are known only when it is collected; nothing is read for them."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the measurements as they are now."""
        yield self._mode()
        yield _gauge(
            "poll_interval_seconds", "Time between polls", self._agent.settings.collect.poll.total_seconds()
        )
        yield self._trouble()
        try:
            stored = list(self._from_store())
        except StoreError:
            stored = []
        yield _gauge("store_up", "Whether the store can be read", float(bool(stored)))
        yield from stored
        yield from self._models()

    def _mode(self) -> Metric:
        family = GaugeMetricFamily("opsmend_mode", "The mode that is set: 1 for the one", labels=["mode"])
        for mode in _MODES:
            family.add_metric([mode], float(mode == self._agent.settings.agent.mode))
        return family

    def _trouble(self) -> Metric:
        family = GaugeMetricFamily("opsmend_trouble", "Work that cannot be done for now", labels=["work"])
        for work in list(self._jobs.trouble):
            family.add_metric([work], 1.0)
        return family

    def _from_store(self) -> Iterator[Metric]:
        now = self._agent.clock.now()
        counts = self._agent.stores.incident_index.counts()
        family = GaugeMetricFamily("opsmend_incidents", "Incidents that are not over", labels=["state"])
        for state in sorted(ACTIVE_STATES):
            family.add_metric([IncidentState(state).value], float(counts.get(state, 0)))
        yield family
        paused = any(pause.scope.is_everything for pause in self._agent.stores.pauses.in_force(now))
        yield _gauge("paused", "Whether the whole agent is paused", float(paused))
        waiting = self._agent.stores.notifications.due(now)
        yield _gauge("messages_waiting", "Messages that are due and not delivered", float(len(waiting)))
        oldest = max(((now - one.due_at).total_seconds() for one in waiting), default=0.0)
        yield _gauge("messages_oldest_seconds", "How long the oldest of them has been due", oldest)
        files = [
            self._agent.settings.database.with_name(self._agent.settings.database.name + end)
            for end in _FILES
        ]
        size = sum(file.stat().st_size for file in files if file.exists())
        yield _gauge("store_bytes", "Size of the store on disk", float(size))

    def _models(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "opsmend_model_trained_timestamp_seconds", "When models were trained", labels=["kind"]
        )
        if self._agent.settings.detect.models.enabled:
            with suppress(ModelError):  # status and log say what is wrong with it
                if (current := open_shelf(self._agent.settings).current()) is not None:
                    family.add_metric(["entity"], current.made_at.timestamp())
        with suppress(ModelError):
            if (named := open_fault_shelf(self._agent.settings).current()) is not None:
                family.add_metric(["diagnosis"], named.made_at.timestamp())
        yield family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"opsmend_{name}", text, value=value)
