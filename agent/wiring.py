"""Settings in, a connected agent out: the one place where the parts are put together."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from agent.advising import Learned, make_advisor, make_inquirer
from agent.background.places import open_shelf
from agent.background.scorer import ScorerProcess
from agent.clock import Clock, SystemClock
from agent.collect import FrameBuffer, PrometheusSource
from agent.collect.http import HttpClient
from agent.collect.logseries import LogSeries
from agent.collect.topology import TopologyReader
from agent.config import (
    PolicyFile,
    Rulebook,
    Settings,
    load_cases,
    load_policy,
    load_rules,
    scale_policy,
    scale_remediation,
    scale_rule,
)
from agent.config.logsignals import LOG_SIGNALS
from agent.decide import Decider, Remediation, load_catalog
from agent.decide.policy import groups_of
from agent.detect import SeriesDetector
from agent.detect.models.layer import EntityLayer
from agent.detect.models.shelf import detectors_of
from agent.diagnose import Advisor, Dependencies, IncidentGrouper, RuleVoter
from agent.errors import ConfigError, Problem
from agent.inquiry import Inquirer, InquiryOpinions
from agent.notify import AnomalyAlerts, AnomalyDigest, Notifier, Storyteller
from agent.pipeline import LatestView, Pipeline
from agent.records import Anomaly
from agent.records.cases import PastCase
from agent.records.evidence import Edge
from agent.remediate import AnsibleInventory, PlaybookRunner, Steps
from agent.response import (
    Deeds,
    Escalation,
    Outcomes,
    Person,
    Previews,
    Responder,
    StoreJournal,
    TrackRecord,
    Verifications,
    Workers,
)
from agent.store import Stores, open_stores
from agent.stream import Feed, Outlook, Stream, make_feeds, make_stages

_ANSWER_WITHIN_S = 2.0  # of the scoring process, and a quarter of a poll at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """What contributors wrote, checked."""

    book: Rulebook
    catalog: Mapping[str, Remediation]
    policy: PolicyFile
    cases: Sequence[PastCase] = ()


@dataclass(slots=True)
class Current:
    """The definitions in force. A reload replaces them as a whole."""

    definitions: Definitions

    def catalog(self) -> Mapping[str, Remediation]:
        """Return the remediations in force."""
        return self.definitions.catalog

    def policy(self) -> PolicyFile:
        """Return the policy in force."""
        return self.definitions.policy

    def book(self) -> Rulebook:
        """Return the signals, faults and rules in force."""
        return self.definitions.book


class Announcer(Protocol):
    """Tells somebody outside what anomalies are open."""

    name: str

    def announce(self, anomalies: Sequence[Anomaly]) -> None:
        """Tell what is new. Raises SourceError, StoreError."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Everything that the service starts and stops."""

    settings: Settings
    current: Current
    stores: Stores
    source: PrometheusSource
    inventory: AnsibleInventory
    pipeline: Pipeline
    responder: Responder
    previews: Previews
    workers: Workers
    notifier: Notifier
    deeds: Deeds
    clock: Clock
    dependencies: Dependencies
    topology: TopologyReader
    inquirer: Inquirer
    learned: Learned
    announcers: tuple[Announcer, ...] = ()
    feeds: tuple[Feed, ...] = ()
    stream: Stream | None = None
    entities: EntityLayer | None = None
    scorer: ScorerProcess | None = None

    def read_topology(self) -> None:
        """Ask who calls whom, and go by it from now on."""
        topology = self.topology.read(self.clock.now())
        if topology.version != self.pipeline.topology.version:
            self.dependencies.learn(topology.edges)
            self.pipeline.topology = topology

    def reload(self, definitions: Definitions) -> None:
        """Go by new rules, remediations and policy from the next poll and turn on."""
        with self.responder.lock:
            self.current.definitions = definitions
            self.pipeline.reload(
                definitions.book,
                RuleVoter(definitions.book),
                make_advisor(self.settings, definitions.cases, self.stores, self.clock, self.learned),
                IncidentGrouper(definitions.book.faults, self.dependencies),
            )


def load_definitions(settings: Settings) -> Definitions:
    """Read rules, policy and remediations. Raises ConfigError with the problems of all."""
    problems: list[Problem] = []
    book = Rulebook({}, {}, {})
    policy: PolicyFile | None = None
    catalog: Mapping[str, Remediation] = {}
    try:
        book = load_rules(settings.paths.rules)
    except ConfigError as error:
        problems += error.problems
    try:
        policy = load_policy(settings.paths.rules, settings.notify.targets)
    except ConfigError as error:
        problems += error.problems
    if book.faults:  # without the fault catalogue every remediation would look wrong
        try:
            catalog = load_catalog(settings.paths.playbooks, book.faults)
        except ConfigError as error:
            problems += error.problems
    cases: Sequence[PastCase] = ()
    try:
        cases = load_cases(settings.paths.rules, book.faults) if book.faults else ()
    except ConfigError as error:
        problems += error.problems
    if problems or policy is None:
        raise ConfigError(problems)
    definitions = Definitions(book=book, catalog=catalog, policy=policy, cases=cases)
    return _scaled(definitions, settings.agent.time_scale)


def _scaled(definitions: Definitions, factor: float) -> Definitions:
    if factor == 1:
        return definitions
    book, catalog = definitions.book, definitions.catalog
    return Definitions(
        book=replace(book, rules={id_: scale_rule(rule, factor) for id_, rule in book.rules.items()}),
        catalog={
            name: replace(one, file=scale_remediation(one.file, factor)) for name, one in catalog.items()
        },
        policy=scale_policy(definitions.policy, factor),
        cases=definitions.cases,
    )


def make_source(settings: Settings) -> PrometheusSource:
    """Return the source of metrics."""
    prometheus = settings.collect.prometheus
    return PrometheusSource(prometheus.url, prometheus.timeout, prometheus)


def make_scorer(settings: Settings, clock: Clock) -> ScorerProcess | None:
    """Return who asks the entity models, or None when the settings want none. It starts nothing yet."""
    if not settings.detect.models.enabled:
        return None
    shelf = open_shelf(settings)
    return ScorerProcess(
        shelf.folder,
        detectors_of(settings.detect.models.members),
        min(settings.collect.poll.total_seconds() / 4, _ANSWER_WITHIN_S),
        clock,
        lambda: shelf.stamp() is not None,
    )


def make_dependencies(settings: Settings) -> Dependencies:
    """Return who depends on whom as the settings say; what metrics show is learned while it runs."""
    edges = settings.collect.topology.edges
    return Dependencies(Edge(source=caller, target=callee) for caller, callee in edges)


def make_inventory(settings: Settings, clock: Clock) -> AnsibleInventory:
    """Return the inventory."""
    return AnsibleInventory(
        settings.paths.inventory,
        clock,
        settings.decide.inventory_refresh,
        ansible_config(settings),
        settings.remediate.vault_password_file,
    )


def make_runner(settings: Settings) -> PlaybookRunner:
    """Return what runs playbooks."""
    return PlaybookRunner(
        settings.agent.runtime_dir,
        roles=[folder / "roles" for folder in settings.paths.playbooks],
        config=ansible_config(settings),
        vault_password_file=settings.remediate.vault_password_file,
    )


def make_deeds(settings: Settings, stores: Stores, clock: Clock) -> Deeds:
    """Return what people may do, by the policy as it is on disk now."""
    return Deeds(stores, lambda: load_policy(settings.paths.rules), clock)


def person_at_the_keyboard() -> Person:
    """Return who gives a command: the person behind sudo, else the user of the process."""
    sudo = os.environ.get("SUDO_USER")
    name = sudo if sudo and os.geteuid() == 0 else getpass.getuser()
    return Person(name, groups_of(name))


def ansible_config(settings: Settings) -> Path | None:
    """Return the ansible.cfg of the last playbook folder that has one: a local one wins."""
    files = [folder / "ansible.cfg" for folder in settings.paths.playbooks]
    return next((file for file in reversed(files) if file.is_file()), None)


def build(settings: Settings, definitions: Definitions, clock: Clock | None = None) -> Agent:
    """Put the agent together. Raises StoreError when the store cannot be opened."""
    clock = clock or SystemClock()
    stores = open_stores(settings.database)
    source = make_source(settings)
    inventory = make_inventory(settings, clock)
    runner = make_runner(settings)
    latest = LatestView()
    workers = Workers(
        steps=Steps(runner, StoreJournal(stores.runs), clock),
        runs=stores.runs,
        source=source,
        inventory=inventory,
        clock=clock,
        most=settings.remediate.max_parallel,
    )
    current = Current(definitions)
    escalation = Escalation(stores.notifications, current.policy, settings.notify.escalate_to)
    outcomes = Outcomes(
        stores=stores,
        catalog=current.catalog,
        workers=workers,
        verifications=Verifications(source, latest, settings.verify.interval, clock.now()),
        escalation=escalation,
        clock=clock,
    )
    previews = Previews(runner, inventory, current.catalog, stores.approvals)
    decider = Decider(
        current.catalog,
        current.policy,
        inventory,
        stores.history,
        settings.agent.mode,
        lambda: current.definitions.book.digest,
    )
    responder = Responder(
        stores=stores,
        decider=decider,
        policy=current.policy,
        workers=workers,
        outcomes=outcomes,
        previews=previews,
        escalation=escalation,
        clock=clock,
    )
    storyteller = Storyteller(
        stores, current.book, settings.agent.name, settings.api.public_url, settings.collect.prometheus.url
    )
    series = LogSeries(settings.collect.search.every.total_seconds()) if settings.collect.search else None
    outlook = Outlook(stores, current.book, _learn(settings))
    dependencies = make_dependencies(settings)
    grouper = IncidentGrouper(definitions.book.faults, dependencies)
    learned = Learned(record=TrackRecord(stores, clock), inquiries=InquiryOpinions())
    advisor = make_advisor(settings, definitions.cases, stores, clock, learned)
    inquirer = make_inquirer(
        settings, current.book, lambda: current.definitions.cases, stores, inventory, clock, learned
    )
    scorer = make_scorer(settings, clock)
    signals = {**definitions.book.signals, **(LOG_SIGNALS if series else {})}
    entities = EntityLayer(signals, settings.detect, scorer) if scorer is not None else None
    pipeline = _pipeline(
        settings, definitions, stores, source, responder, latest, clock, outlook, series, grouper,
        advisor, inquirer, entities,
    )  # fmt: skip
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
    return Agent(
        settings=settings,
        current=current,
        stores=stores,
        source=source,
        inventory=inventory,
        pipeline=pipeline,
        responder=responder,
        previews=previews,
        workers=workers,
        notifier=Notifier(
            stores.notifications,
            storyteller,
            settings.notify.targets,
            source,
            clock,
            anomalies=partial(_anomalies_to_tell, settings, pipeline),
        ),
        deeds=Deeds(stores, current.policy, clock),
        clock=clock,
        dependencies=dependencies,
        topology=TopologyReader(settings.collect.topology, source),
        inquirer=inquirer,
        learned=learned,
        announcers=tuple(_announcers(settings, stores, clock)),
        feeds=tuple(make_feeds(settings, stores, current.book, series, stream.put, clock)),
        stream=stream,
        entities=entities,
        scorer=scorer,
    )


def _anomalies_to_tell(settings: Settings, pipeline: Pipeline) -> Sequence[Anomaly]:
    wanted = settings.notify.anomalies.confidence if settings.notify.anomalies else 1.0
    return [one for one in pipeline.anomalies if one.confidence >= wanted]


def _announcers(settings: Settings, stores: Stores, clock: Clock) -> Iterator[Announcer]:
    if settings.notify.alertmanager is not None:
        section = settings.notify.alertmanager
        client = HttpClient("Alertmanager", "notify.alertmanager", section)
        prometheus = settings.collect.prometheus.url
        yield AnomalyAlerts(client, section, settings.agent.name, prometheus, clock)
    if settings.notify.anomalies is not None:
        yield AnomalyDigest(stores.notifications, settings.notify.anomalies, clock)


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
    grouper: IncidentGrouper,
    advisor: Advisor,
    inquirer: Inquirer,
    entities: EntityLayer | None,
) -> Pipeline:
    own_signals = LOG_SIGNALS if series else {}
    signals = {**definitions.book.signals, **own_signals}
    collect = settings.collect
    buffer = FrameBuffer(signals, round(collect.history / collect.poll), collect.prometheus.max_series)
    detector = SeriesDetector(signals, settings.detect)
    buffer.on_renumber(detector.keep)
    if entities is not None:
        buffer.on_renumber(entities.keep)
    return Pipeline(
        book=definitions.book,
        source=source,
        buffer=buffer,
        detector=detector,
        voter=RuleVoter(definitions.book),
        advisor=advisor,
        grouper=grouper,
        stores=stores,
        responder=responder,
        latest=latest,
        keep_for=settings.diagnose.keep_for,
        alerts_expire=settings.diagnose.alerts_expire,
        clock=clock,
        outlook=outlook.look,
        own_answers=series.answers if series else lambda at: {},
        own_signals=own_signals,
        look_into=inquirer.look_into,
        entities=entities,
    )
