"""Settings in, a connected agent out: the one place where the parts are put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from agent.background.failurewatch import FailureWatch
from agent.background.faultvoter import TrainedVoter
from agent.background.places import has_trained_diagnosis, open_foresight_shelf
from agent.charts import IncidentCharts
from agent.clock import Clock, SystemClock
from agent.collect import FrameBuffer, PrometheusSource
from agent.collect.logseries import LogSeries
from agent.collect.topology import TopologyReader
from agent.config import Settings
from agent.config.logsignals import LOG_SIGNALS
from agent.config.targetsignals import TARGET_SIGNALS
from agent.decide import Decider
from agent.decide.explanation import Explainer
from agent.detect import Engine
from agent.detect.calendar import Calendars
from agent.detect.models.client import ModelClient
from agent.diagnose import Clearance, IncidentLifecycle, VotingEnsemble
from agent.forecasting import ForecastTracker
from agent.investigation.voter import InvestigationVoter
from agent.learn.casebook import TrackRecord
from agent.notify import Notifier, Reminders, Storyteller
from agent.pipeline import Pipeline
from agent.predict import Forecaster
from agent.records import ArrivalKind, Frame
from agent.records.tokens import Scope
from agent.remediate import Steps
from agent.response import Escalation, LatestView, OperatorActions, Previews, Responder, StoreJournal, Workers
from agent.response.escalation import is_urgent
from agent.store import Stores, open_stores
from agent.stream import AlertIntake, Outlook, ReadMarks, Stream, make_feeds, make_stages
from agent.teachings import Teachings
from agent.tracking import IncidentTracker
from agent.wiring.agent import Agent
from agent.wiring.definitions import Current, Definitions, load_steps, with_digests
from agent.wiring.messages import anomalies_to_tell, make_announcers, make_own_trouble_messages
from agent.wiring.parts import (
    make_ansible,
    make_dependencies,
    make_known_names,
    make_scorer,
    make_source,
    state_folder,
)
from agent.wiring.response import make_responder
from agent.wiring.timezones import make_calendars
from agent.wiring.voting import Learned, make_ensemble, make_investigator, make_voter


def build(settings: Settings, definitions: Definitions, clock: Clock | None = None) -> Agent:
    """Put the agent together. Raises StoreError when the store cannot be opened."""
    clock = clock or SystemClock()
    stores = open_stores(settings.database)
    source = make_source(settings)
    ansible = make_ansible(settings, clock)
    inventory = ansible.inventory
    definitions = with_digests(definitions, ansible.snapshots)
    latest = LatestView(clock)
    workers = Workers(
        steps=Steps(
            ansible.runner,
            ansible.snapshots,
            partial(load_steps, factor=settings.agent.time_scale),
            StoreJournal(stores.runs),
            clock,
        ),
        stores=stores,
        source_time=latest.source_time,
        clock=clock,
        most=settings.remediate.max_parallel,
    )
    current = Current(settings, definitions)
    previews = Previews(ansible.runner, ansible.snapshots, current.catalog, stores.approvals)
    decider = Decider(
        current.catalog,
        current.policy,
        inventory,
        stores.history,
        lambda: current.settings.agent.mode,
        lambda: current.definitions.book.digest,
        lambda remediation: ansible.snapshots.digest_of(remediation.folder),
    )
    escalation = Escalation(
        current.policy,
        lambda: current.settings.notify.escalate_to,
        lambda incident: is_urgent(incident, current.book().faults),
        lambda: current.settings.notify.informed,
    )
    responder = make_responder(stores, current, decider, workers, previews, escalation, source, latest, clock)
    # pages and messages draw what the pipeline sees, which is put together below
    charts = IncidentCharts(source, current.book, lambda: pipeline.anomalies, clock)
    storyteller = Storyteller(
        stores,
        current.book,
        settings.agent.name,
        settings.api.public_url,
        settings.collect.prometheus.url,
        charts.of,
    )
    series = LogSeries(settings.collect.search.every.total_seconds()) if settings.collect.search else None
    marks = ReadMarks()
    alerts = AlertIntake(stores.alerts, settings.collect.prometheus.replica_labels, source)
    read_until = partial(_read_until, settings, stores, marks, alerts, clock)
    outlook = Outlook(stores, current.book, _learn(settings), read_until, alerts.ask_for_rest)
    dependencies = make_dependencies(settings)
    clearance = Clearance()
    lifecycle = IncidentLifecycle(
        definitions.book.faults, dependencies, settings.diagnose.keep_for, clearance
    )
    scorer = make_scorer(settings, clock)
    teachings = Teachings(stores, clock)
    learned = Learned(
        teachings=teachings,
        record=TrackRecord(teachings, clock),
        investigations=InvestigationVoter(),
        trained=TrainedVoter(scorer, partial(has_trained_diagnosis, settings)),
    )
    ensemble = make_ensemble(settings, definitions.cases, clock, learned)
    investigator = make_investigator(
        settings, current.book, lambda: current.definitions.cases, stores, ansible, clock, learned,
        lambda: workers.at_work,
    )  # fmt: skip
    tracker = IncidentTracker(stores, escalation, investigator.look_into, clock)
    models = ModelClient(scorer) if settings.detect.models.enabled else None
    pipeline = _pipeline(
        settings, definitions, stores, source, responder, latest, clock, outlook, series, lifecycle,
        ensemble, tracker, make_calendars(settings.detect, inventory, current), models, alerts.doubt_ends,
    )  # fmt: skip
    failures = FailureWatch(
        open_foresight_shelf(settings), source, lambda: current.book().signals, stores, clock.now
    )
    detection = state_folder(settings)
    pipeline.restore_state(detection)
    act_above = settings.diagnose.at_once_above
    stream = Stream(
        make_stages(
            current.book,
            pipeline.diagnose_arrivals,
            responder.turn,
            act_above,
            settings.collect.stream,
        )
    )
    notifier = Notifier(
        stores.notifications,
        storyteller,
        lambda: current.settings.notify.targets,
        clock,
        anomalies=partial(anomalies_to_tell, settings, pipeline),
        draw=charts.of_anomaly,
        reminders=Reminders(
            stores,
            lambda: current.settings.notify.escalate_to,
            lambda: current.settings.notify.remind_every,
        ),
    )
    return Agent(
        alerts=alerts,
        current=current,
        stores=stores,
        source=source,
        ansible=ansible,
        pipeline=pipeline,
        responder=responder,
        previews=previews,
        workers=workers,
        notifier=notifier,
        own_trouble_messages=make_own_trouble_messages(settings, current, notifier),
        operator_actions=OperatorActions(stores, current.policy, make_known_names(current, inventory), clock),
        clock=clock,
        charts=charts,
        explainer=Explainer(
            decider, current.catalog, current.policy, inventory, stores.pauses.in_force, clock
        ),
        dependencies=dependencies,
        clearance=clearance,
        topology=TopologyReader(settings.collect.topology, source),
        investigator=investigator,
        learned=learned,
        announcers=tuple(make_announcers(settings, stores, clock)),
        feeds=tuple(make_feeds(settings, stores, current.book, series, stream.put, marks, clock)),
        stream=stream,
        models=models,
        failures=failures if settings.learn.failures.enabled else None,
        detection=detection,
        scorer=scorer,
    )


def _read_until(
    settings: Settings, stores: Stores, marks: ReadMarks, alerts: AlertIntake, clock: Clock
) -> Mapping[ArrivalKind, datetime]:
    """Return up to when sources were read. Alerts are handed to us at once where the port takes them."""
    api, now = settings.api, clock.now()
    taken = api.listen is not None and alerts.whole
    if taken and (api.tokens_file is not None or stores.tokens.any_for(Scope.ALERT, now)):
        marks.put("alert", now)
    return marks.current()


def _learn(settings: Settings) -> timedelta:
    return settings.collect.search.learn if settings.collect.search else timedelta(0)


def _pipeline(
    settings: Settings,
    definitions: Definitions,
    stores: Stores,
    source: PrometheusSource,
    responder: Responder,
    latest: LatestView,
    clock: Clock,
    outlook: Outlook,
    series: LogSeries | None,
    lifecycle: IncidentLifecycle,
    ensemble: VotingEnsemble,
    tracker: IncidentTracker,
    calendars: Calendars,
    models: ModelClient | None,
    on_frame: Callable[[Frame], None],
) -> Pipeline:
    own_signals = {**TARGET_SIGNALS, **(LOG_SIGNALS if series else {})}
    signals = {**definitions.book.signals, **own_signals}
    collect = settings.collect
    buffer = FrameBuffer(signals, round(collect.history / collect.poll), collect.prometheus.max_series)
    detector = Engine(signals, settings.detect, calendars, models)
    buffer.on_renumber(detector.keep)
    if models is not None:
        buffer.on_renumber(models.keep)
    return Pipeline(
        book=definitions.book,
        source=source,
        buffer=buffer,
        detector=detector,
        forecasts=ForecastTracker(
            Forecaster(signals, least_span=settings.predict.least_span), stores.forecasts
        ),
        voter=make_voter(settings, definitions.book),
        ensemble=ensemble,
        lifecycle=lifecycle,
        tracker=tracker,
        stores=stores,
        responder=responder,
        latest=latest,
        alerts_expire=settings.diagnose.alerts_expire,
        clock=clock,
        outlook=outlook.look,
        own_answers=series.answers if series else lambda at: {},
        own_signals=own_signals,
        on_frame=on_frame,
    )
