"""What parts stand on in, what takes alerts, log lines and events as they arrive by themselves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from agent.clock import Clock
from agent.collect.logseries import LogSeries
from agent.config import Settings
from agent.pipeline import Pipeline
from agent.records import ArrivalKind
from agent.records.tokens import Scope
from agent.response import Responder
from agent.store import Stores
from agent.stream import AlertIntake, Feed, Outlook, ReadMarks, Stream, make_feeds, make_stages
from agent.wiring.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """What arrived, and up to when it was read. ``series`` is None where no logs are read."""

    alerts: AlertIntake
    marks: ReadMarks
    series: LogSeries | None
    outlook: Outlook


def make_arriving(ground: Ground) -> Arriving:
    """Return what knows what arrived."""
    settings, stores = ground.current.settings, ground.stores
    search = settings.collect.search
    marks = ReadMarks()
    alerts = AlertIntake(stores.alerts, settings.collect.prometheus.replica_labels, ground.source)
    return Arriving(
        alerts=alerts,
        marks=marks,
        series=LogSeries(search.every.total_seconds()) if search else None,
        outlook=Outlook(
            stores,
            ground.current.book,
            search.learn if search else timedelta(0),
            partial(read_until, settings, stores, marks, alerts, ground.clock),
            alerts.ask_for_rest,
        ),
    )


def make_stream(ground: Ground, pipeline: Pipeline, responder: Responder) -> Stream:
    """Return what finds out at once which arrivals must be acted on."""
    settings = ground.current.settings
    stages = make_stages(
        ground.current.book,
        pipeline.diagnose_arrivals,
        responder.turn,
        settings.diagnose.at_once_above,
        settings.collect.stream,
    )
    return Stream(stages)


def make_site_feeds(ground: Ground, arriving: Arriving, stream: Stream) -> tuple[Feed, ...]:
    """Return what reads each source of arrivals, and hands on to the stream what the store has."""
    return tuple(
        make_feeds(
            ground.current.settings,
            ground.stores,
            ground.current.book,
            arriving.series,
            stream.put,
            arriving.marks,
            ground.clock,
        )
    )


def read_until(
    settings: Settings, stores: Stores, marks: ReadMarks, alerts: AlertIntake, clock: Clock
) -> Mapping[ArrivalKind, datetime]:
    """Return up to when sources were read. Alerts are handed to us at once where the port takes them."""
    api, now = settings.api, clock.now()
    taken = api.listen is not None and alerts.whole
    if taken and (api.tokens_file is not None or stores.tokens.any_for(Scope.ALERT, now)):
        marks.put("alert", now)
    return marks.current()
