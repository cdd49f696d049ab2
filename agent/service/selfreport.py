"""What the agent says of itself: its live status, beside the store."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from agent import __version__
from agent.background.trainer import Trainer
from agent.cleantext import describe_unforeseen
from agent.diagnose.live.support import describe_entity_anomaly
from agent.livestatus import write_live_status
from agent.log import Logger
from agent.service.jobs import Jobs
from agent.service.polling import Polling
from agent.service.reloading import Reloader
from agent.service.self_watch import SelfWatch, room_for_store
from agent.wiring import Agent

log = Logger("service")

_MOST_TOLD = 20  # strange entities in the status


class SelfReport:
    """Tells how the agent is. What cannot be written, on a full disk, is told at the next turn."""

    def __init__(self, agent: Agent, trainer: Trainer) -> None:
        self._agent = agent
        self._trainer = trainer
        self._started_at = agent.clock.now()
        self._not_written = ""

    def connect(self, jobs: Jobs, polling: Polling, reloader: Reloader, watch: SelfWatch) -> None:
        """Take what else is told of: it needs this report itself."""
        self._jobs = jobs
        self._polling = polling
        self._reloader = reloader
        self._watch = watch

    @property
    def own_trouble(self) -> str:
        """Return what the agent has been without for too long, or nothing."""
        return "; ".join(f"{one.what}: {one.why}" for one in self._watch.lasting.values())

    def write(self, state: str = "running") -> None:
        """Replace the live status. Never raises: every piece of work, and the stop, goes on after it."""
        try:
            write_live_status(self._agent.settings.agent.runtime_dir, self.status(state))
        except OSError:
            pass
        except Exception as error:
            why = describe_unforeseen(error)
            if why != self._not_written:
                log.error("the live status cannot be written", error)
            self._not_written = why
        else:
            self._not_written = ""

    def readiness(self) -> Mapping[str, str]:
        """Return of polls, store and sources why each is wanting, or nothing where it is not."""
        health = self._agent.pipeline.health
        signals = len(self._agent.current.definitions.book.signals)
        blind = bool(health.polls) and signals > 0 and len(health.failed) >= signals
        store = next((why for why in self._jobs.trouble.values() if "store cannot be used" in why), "")
        store = store or room_for_store(self._agent.settings.agent.state_dir)
        return {
            "polls": "" if self._polling.healthy else f"no poll since {health.at or self._started_at}",
            "store": store,
            "prometheus": next(iter(health.failed.values())) if blind else "",
            **{feed.name: feed.trouble or "" for feed in self._agent.feeds},
        }

    def needs(self) -> Mapping[str, str]:
        """Return what readiness says, and whether people can be told anything."""
        undelivered = self._agent.notifier.undelivered
        messages = "; ".join(f"{target} takes no message: {why}" for target, why in undelivered.items())
        return {**self.readiness(), "messages": messages}

    def counts(self) -> dict[str, int]:
        """Return how much contributors wrote."""
        definitions = self._agent.current.definitions
        return {"signals": len(definitions.book.signals), "remediations": len(definitions.catalog)}

    def status(self, state: str = "running") -> Mapping[str, Any]:
        """Return everything that is worth knowing of a running agent."""
        agent = self._agent
        health = agent.pipeline.health
        return {
            "name": agent.settings.agent.name,
            "version": __version__,
            "state": state,
            "pid": os.getpid(),
            "mode": agent.settings.agent.mode,
            "started_at": self._started_at,
            "written_at": agent.clock.now(),
            "poll_interval_s": agent.settings.collect.poll.total_seconds(),
            "polls": health.polls,
            "late_polls": self._polling.late,
            "poll_seconds": round(health.seconds, 4),
            "polled_at": health.at,
            "history": self._polling.reading,
            "series": health.series,
            "series_refused": health.refused,
            "series_forgotten": health.forgotten,
            "anomalies": health.anomalies,
            **self.counts(),
            "signals_failed": dict(health.failed),
            "signals_partial": dict(health.partial),
            "signals_doubtful": dict(health.doubtful),
            "rules_held": [
                {"rule": one.rule, "entity": one.entity, "why": one.why}
                for one in agent.pipeline.held[:_MOST_TOLD]
            ],
            "sources": {
                feed.name: {"records": feed.records, "trouble": feed.trouble} for feed in agent.feeds
            },
            "source_notes": {feed.name: feed.note for feed in agent.feeds if feed.note},
            "alerts": agent.alerts.status(),
            "entity_models": self._entity_models(),
            "trained_diagnosis": {
                **agent.learned.trained.status,
                "enabled": agent.settings.learn.diagnosis.enabled,
                "training_now": self._trainer.diagnosis_status,
            },
            "settings": self._reloader.status(),
            "trouble": dict(self._jobs.trouble),
            "own_trouble": list(self._watch.lasting.values()),
            "unknown_alerts": self._unknown_alerts(),
        }

    def _unknown_alerts(self) -> Mapping[str, int]:
        """Return how often each alert fires that no rule uses."""
        return dict(Counter(one.name for one in self._agent.pipeline.unknown_alerts).most_common(_MOST_TOLD))

    def _entity_models(self) -> Mapping[str, Any] | None:
        """Return how the layer for whole entities is; None when the settings want none."""
        agent = self._agent
        if agent.models is None:
            return None
        found = [one for one in agent.pipeline.anomalies if one.layer == "entity"]
        found.sort(key=lambda one: -one.confidence)
        return {
            **agent.models.status,
            "pid": agent.scorer.pid,
            "training": self._trainer.status,
            "strange": [
                {
                    "entity": one.entity,
                    "confidence": round(one.confidence, 2),
                    "text": describe_entity_anomaly(one),
                }
                for one in found[:_MOST_TOLD]
            ],
        }
