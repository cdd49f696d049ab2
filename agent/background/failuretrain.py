"""Settings in, a trained foresight on the shelf out: how hosts were before their faults is learned."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from agent.background.failurefacts import (
    absences_in,
    from_metrics,
    from_store,
    look_for_hosts,
    occurrences_in,
)
from agent.background.places import open_foresight_shelf
from agent.background.training import Progress, alone
from agent.collect import PrometheusSource
from agent.config.settings import Settings
from agent.errors import ModelError
from agent.learn.failures.model import Foresight
from agent.learn.failures.moments import choose_moments, watched_until
from agent.learn.failures.shelf import ForesightShelf, ForesightTraining
from agent.learn.failures.training import LEAST_FAULTS, LEAST_HELD_BACK, train_foresight
from agent.learn.faults.examples import TooLittleData
from agent.modelshelf import make_folder
from agent.store import Stores, open_stores

_DAY = timedelta(days=1)


def run_failure_training(settings: Settings, on_progress: Callable[[Progress], None]) -> ForesightTraining:
    """Train as the settings say.

    Raises TooLittleData, ConfigError when the rules are wrong, ConflictError when another training is at
    work, SourceError, StoreError.
    """
    if not settings.database.exists():
        raise TooLittleData("there is nothing to train on: the agent has not run yet")
    shelf, prometheus = open_foresight_shelf(settings), settings.collect.prometheus
    make_folder(shelf.folder)
    stores = open_stores(settings.database, upgrade=False)
    source = PrometheusSource(prometheus.url, prometheus.timeout, prometheus)
    try:
        with alone(shelf.folder):
            return _train(settings, stores, source, shelf, on_progress)
    finally:
        source.close()
        stores.close()


def _train(
    settings: Settings,
    stores: Stores,
    source: PrometheusSource,
    shelf: ForesightShelf,
    on_progress: Callable[[Progress], None],
) -> ForesightTraining:
    from agent.config import load_rules

    signals = [
        one
        for one in load_rules(settings.paths.rules).signals.values()
        if one.detect or one.limit is not None
    ]
    end = source.now()
    begin = end - settings.learn.failures.history
    occurrences = [one for one in occurrences_in(stores) if one.begin >= begin.timestamp()]
    if len(occurrences) < LEAST_FAULTS + LEAST_HELD_BACK:
        raise TooLittleData(
            f"there is too little to foresee failures by: {len(occurrences)} faults on hosts since "
            f"{begin:%Y-%m-%d}, of at least {LEAST_FAULTS + LEAST_HELD_BACK}; nothing is said"
        )
    seen = look_for_hosts(source, signals)
    hosts = sorted({*seen.hosts, *(one.host for one in occurrences)})
    moments = choose_moments(hosts, (begin + _DAY).timestamp(), end.timestamp(), occurrences)
    columns = from_metrics(
        source, signals, moments, seen.series, lambda done, of: on_progress(Progress("reading", done, of))
    )
    known, forecasts = from_store(stores, moments, occurrences)
    judged = train_foresight(
        moments,
        {**columns, **known},
        occurrences,
        forecasts,
        watched_until(moments.at, absences_in(stores, begin.timestamp(), end.timestamp()), end.timestamp()),
        shelf.folder,
        _in_force(shelf),
        lambda done, of: on_progress(Progress("tuning", done, of)),
    )
    if all(one.foresight is None for one in judged):
        raise TooLittleData(judged[-1].why)
    return shelf.put(judged, datetime.now(UTC), begin, end)


def _in_force(shelf: ForesightShelf) -> dict[float, Foresight]:
    """Return the foresight that is asked now, by its horizon."""
    with suppress(ModelError):  # what cannot be read is no reason not to train
        training = shelf.current()
        if training is not None:
            return {
                one.horizon_s: one.foresight for one in training.horizons if one.in_force and one.foresight
            }
    return {}
