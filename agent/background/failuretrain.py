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
from agent.learn.failures.model import Judged
from agent.learn.failures.moments import choose_moments, watched_until
from agent.learn.failures.shelf import ForesightShelf, ForesightTraining
from agent.learn.failures.training import LEAST_FAULTS, LEAST_HELD_BACK, train_foresight
from agent.learn.faults.examples import TooLittleData
from agent.modelfiles import make_folder
from agent.store import Stores, open_stores

_DAY = timedelta(days=1)


def run_failure_training(
    settings: Settings, on_progress: Callable[[Progress], None]
) -> tuple[ForesightTraining, bool]:
    """Train as the settings say; return what was kept, and whether it is in force.

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
) -> tuple[ForesightTraining, bool]:
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
    trained = train_foresight(
        moments,
        {**columns, **known},
        occurrences,
        forecasts,
        watched_until(moments.at, absences_in(stores, begin.timestamp(), end.timestamp()), end.timestamp()),
        shelf.folder,
        _in_force(shelf),
        lambda done, of: on_progress(Progress("tuning", done, of)),
    )
    if all(one.foresight is None for one in trained.horizons):
        raise TooLittleData(trained.horizons[-1].why)
    about = {"made_at": datetime.now(UTC), "trained_from": begin, "trained_to": end, "why": trained.why}
    return shelf.put(trained.horizons, about, in_force=trained.better), trained.better


def _in_force(shelf: ForesightShelf) -> list[Judged]:
    """Return what is asked now."""
    with suppress(ModelError):  # what cannot be read is no reason not to train
        if (training := shelf.current()) is not None:
            return shelf.load(training)
    return []
