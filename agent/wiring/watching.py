"""What parts stand on in, the pipeline out: what is watched, and how it is judged at each poll."""

from __future__ import annotations

from agent.collect import FrameBuffer
from agent.config.logsignals import LOG_SIGNALS
from agent.config.targetsignals import TARGET_SIGNALS
from agent.detect import Engine
from agent.detect.models.client import ModelClient
from agent.forecasting import ForecastTracker
from agent.pipeline import Pipeline
from agent.predict import Forecaster
from agent.wiring.answering import Answering
from agent.wiring.arriving import Arriving
from agent.wiring.diagnosing import Diagnosing
from agent.wiring.ground import Ground
from agent.wiring.timezones import make_calendars
from agent.wiring.voting import make_voter


def make_pipeline(
    ground: Ground,
    answering: Answering,
    arriving: Arriving,
    diagnosing: Diagnosing,
    models: ModelClient | None,
) -> Pipeline:
    """Return what takes polls, and what arrives, through the rooms."""
    current, series = ground.current, arriving.series
    settings, book = current.settings, current.definitions.book
    own_signals = {**TARGET_SIGNALS, **(LOG_SIGNALS if series else {})}
    signals = {**book.signals, **own_signals}
    collect = settings.collect
    buffer = FrameBuffer(signals, round(collect.history / collect.poll), collect.prometheus.max_series)
    calendars = make_calendars(settings.detect, ground.ansible.inventory, current)
    detector = Engine(signals, settings.detect, calendars, models)
    buffer.on_renumber(detector.keep)
    if models is not None:
        buffer.on_renumber(models.keep)
    forecaster = Forecaster(signals, least_span=settings.predict.least_span)
    return Pipeline(
        book=book,
        source=ground.source,
        buffer=buffer,
        detector=detector,
        forecasts=ForecastTracker(forecaster, ground.stores.forecasts),
        voter=make_voter(settings, book),
        ensemble=diagnosing.ensemble,
        lifecycle=diagnosing.lifecycle,
        tracker=diagnosing.tracker,
        stores=ground.stores,
        responder=answering.responder,
        latest=answering.latest,
        alerts_expire=settings.diagnose.alerts_expire,
        clock=ground.clock,
        outlook=arriving.outlook.look,
        own_answers=series.answers if series else lambda at: {},
        own_signals=own_signals,
        on_frame=arriving.alerts.doubt_ends,
    )
