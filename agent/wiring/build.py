"""Settings in, a connected agent out: the one place where the parts are put together."""

from __future__ import annotations

from agent.background.failurewatch import FailureWatch
from agent.background.places import open_foresight_shelf
from agent.charts import IncidentCharts
from agent.clock import Clock, SystemClock
from agent.collect.topology import TopologyReader
from agent.config import Settings
from agent.decide.explanation import Explainer
from agent.detect.models.client import ModelClient
from agent.response import OperatorActions
from agent.wiring.agent import Agent
from agent.wiring.answering import make_answering
from agent.wiring.arriving import make_arriving, make_site_feeds, make_stream
from agent.wiring.definitions import Definitions
from agent.wiring.diagnosing import make_diagnosing
from agent.wiring.ground import Ground, make_ground
from agent.wiring.messages import make_announcers, make_notifier, make_own_trouble_messages
from agent.wiring.parts import make_known_names, make_scorer, state_folder
from agent.wiring.watching import make_pipeline


def build(settings: Settings, definitions: Definitions, clock: Clock | None = None) -> Agent:
    """Put the agent together. Raises StoreError when the store cannot be opened."""
    ground = make_ground(settings, definitions, clock or SystemClock())
    current, stores, source, clock = ground.current, ground.stores, ground.source, ground.clock
    inventory = ground.ansible.inventory
    scorer = make_scorer(settings, clock)
    models = ModelClient(scorer) if settings.detect.models.enabled else None
    answering, arriving = make_answering(ground), make_arriving(ground)
    diagnosing = make_diagnosing(ground, scorer, answering.escalation, answering.workers)
    pipeline = make_pipeline(ground, answering, arriving, diagnosing, models)
    detection = state_folder(settings)
    pipeline.restore_state(detection)
    charts = IncidentCharts(source, current.book, lambda: pipeline.anomalies, clock)
    notifier = make_notifier(ground, pipeline, charts)
    stream = make_stream(ground, pipeline, answering.responder)
    return Agent(
        alerts=arriving.alerts,
        current=current,
        stores=stores,
        source=source,
        ansible=ground.ansible,
        pipeline=pipeline,
        responder=answering.responder,
        previews=answering.previews,
        workers=answering.workers,
        notifier=notifier,
        own_trouble_messages=make_own_trouble_messages(settings, current, notifier),
        operator_actions=OperatorActions(stores, current.policy, make_known_names(current, inventory), clock),
        clock=clock,
        charts=charts,
        explainer=Explainer(
            answering.decider, current.catalog, current.policy, inventory, stores.pauses.in_force, clock
        ),
        dependencies=diagnosing.dependencies,
        clearance=diagnosing.clearance,
        topology=TopologyReader(settings.collect.topology, source),
        investigator=diagnosing.investigator,
        learned=diagnosing.learned,
        announcers=tuple(make_announcers(settings, stores, clock)),
        feeds=make_site_feeds(ground, arriving, stream),
        stream=stream,
        models=models,
        failures=_failure_watch(ground) if settings.learn.failures.enabled else None,
        detection=detection,
        scorer=scorer,
    )


def _failure_watch(ground: Ground) -> FailureWatch:
    """Return what asks how likely hosts fail."""
    return FailureWatch(
        open_foresight_shelf(ground.current.settings),
        ground.source,
        lambda: ground.current.book().signals,
        ground.stores,
        ground.clock.now,
    )
