"""A whole training of entity models: history read, models trained and tried, put on the shelf."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from agent.background.history import HistorySource, Trouble, read_histories
from agent.background.places import open_shelf, section_of
from agent.background.training import Progress, alone
from agent.collect import PrometheusSource
from agent.config.models import ModelsSection
from agent.config.rulefiles import Signal
from agent.config.settings import Settings
from agent.detect.models.catalog import available
from agent.detect.models.pyoddetector import detector_class
from agent.detect.models.shelf import Generation, Shelf, detectors_of
from agent.detect.models.training import train_entities
from agent.errors import ModelError
from agent.log import Logger
from agent.records.feedback import FeedbackKind

log = Logger("train")


def train(
    shelf: Shelf,
    source: HistorySource,
    signals: dict[str, Signal],
    section: ModelsSection,
    end: datetime,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    troubles: Sequence[Trouble] = (),
    in_force: bool = True,
) -> Generation:
    """Train all entities and put their models in force, or beside those that are.

    Raises SourceError, ModelError when there is nothing to learn from, ConfigError when a member is none,
    ConflictError when another training is at work.
    """
    for path in detectors_of(section.members):
        detector_class(path)
    with alone(shelf.folder):
        histories = read_histories(
            source,
            signals,
            section,
            end,
            lambda done, of: on_progress(Progress("reading", done, of)),
            troubles,
        )
        if not histories:
            raise ModelError(
                "there is nothing to train on: no entity has two watched series with enough history "
                "(signals with 'detect: true', and a source that remembers)"
            )
        members, note = available(section.members)
        if note:
            log.warning("training goes on", note=note)
        models = train_entities(
            histories,
            members,
            section.jobs,
            lambda done: on_progress(Progress("training", done, len(histories))),
        )
        return shelf.put(
            models,
            made_at=datetime.now(UTC),
            trained_from=end - section.history,
            trained_to=end,
            note=note,
            in_force=in_force,
        )


def run_training(
    settings: Settings, on_progress: Callable[[Progress], None], *, in_force: bool = True
) -> Generation:
    """Train as the settings say. Raises as ``train`` does, and ConfigError when the rules are wrong."""
    from agent.config import load_rules

    prometheus = settings.collect.prometheus
    source = PrometheusSource(prometheus.url, prometheus.timeout, prometheus)
    try:
        signals = dict(load_rules(settings.paths.rules).signals)
        return train(
            open_shelf(settings),
            source,
            signals,
            section_of(settings),
            source.now(),
            on_progress,
            past_troubles(settings),
            in_force,
        )
    finally:
        source.close()


def past_troubles(settings: Settings) -> list[Trouble]:
    """Return the times of incidents, and those that people said were missed: a fault is not to be learned."""
    from agent.store import open_stores

    if not settings.database.exists():
        return []
    stores = open_stores(settings.database, upgrade=False)
    now = datetime.now(UTC)
    try:
        incidents = [
            Trouble(entity=one.entity, host=one.host, begin=one.opened_at, end=one.closed_at or now)
            for one in stores.incidents.list(limit=1000)
        ]
        missed = [
            Trouble(entity=one.entity, host="", begin=one.since, end=one.until)
            for one in stores.feedback.list()
            if one.kind == FeedbackKind.MISSED and one.since is not None and one.until is not None
        ]
        return incidents + missed
    finally:
        stores.close()
