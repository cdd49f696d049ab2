"""Settings in, a connected agent out: the one place where the parts are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agent.clock import Clock, SystemClock
from agent.collect import FrameBuffer, PrometheusSource
from agent.config import Rulebook, Settings, load_rules, scale_remediation, scale_rule
from agent.decide import Decider, Remediation, load_catalog
from agent.detect import SeriesDetector
from agent.diagnose import IncidentGrouper, RuleVoter
from agent.errors import ConfigError, Problem
from agent.pipeline import LatestView, Pipeline
from agent.remediate import AnsibleInventory, PlaybookRunner, Steps
from agent.response import Responder, StoreJournal, Verifications, Workers
from agent.store import ApprovalStore, Database, IncidentStore, PauseStore, RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """What contributors wrote, checked."""

    book: Rulebook
    catalog: Mapping[str, Remediation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The store, one object per kind of record."""

    database: Database
    incidents: IncidentStore
    runs: RunStore
    approvals: ApprovalStore
    pauses: PauseStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Everything that the service starts and stops."""

    settings: Settings
    definitions: Definitions
    stores: Stores
    source: PrometheusSource
    inventory: AnsibleInventory
    pipeline: Pipeline
    responder: Responder
    workers: Workers
    clock: Clock


def load_definitions(settings: Settings) -> Definitions:
    """Read rules and remediations. Raises ConfigError with the problems of both."""
    problems: list[Problem] = []
    book = Rulebook({}, {}, {})
    try:
        book = load_rules(settings.paths.rules)
    except ConfigError as error:
        problems += error.problems
    catalog: Mapping[str, Remediation] = {}
    if not problems:  # without the fault catalogue every remediation would look wrong
        try:
            catalog = load_catalog(settings.paths.playbooks, book.faults)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return _scaled(Definitions(book=book, catalog=catalog), settings.agent.time_scale)


def _scaled(definitions: Definitions, factor: float) -> Definitions:
    if factor == 1:
        return definitions
    book, catalog = definitions.book, definitions.catalog
    return Definitions(
        book=replace(book, rules={id_: scale_rule(rule, factor) for id_, rule in book.rules.items()}),
        catalog={
            name: replace(one, file=scale_remediation(one.file, factor)) for name, one in catalog.items()
        },
    )


def open_stores(settings: Settings) -> Stores:
    """Open the store. Raises StoreError."""
    database = Database(settings.database)
    database.open()
    return Stores(
        database=database,
        incidents=IncidentStore(database),
        runs=RunStore(database),
        approvals=ApprovalStore(database),
        pauses=PauseStore(database),
    )


def make_source(settings: Settings) -> PrometheusSource:
    """Return the source of metrics."""
    prometheus = settings.collect.prometheus
    return PrometheusSource(prometheus.url, prometheus.timeout)


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


def ansible_config(settings: Settings) -> Path | None:
    """Return the ansible.cfg of the last playbook folder that has one: a local one wins."""
    files = [folder / "ansible.cfg" for folder in settings.paths.playbooks]
    return next((file for file in reversed(files) if file.is_file()), None)


def build(settings: Settings, definitions: Definitions, clock: Clock | None = None) -> Agent:
    """Put the agent together. Raises StoreError when the store cannot be opened."""
    clock = clock or SystemClock()
    stores = open_stores(settings)
    source = make_source(settings)
    inventory = make_inventory(settings, clock)
    latest = LatestView()
    steps = Steps(make_runner(settings), StoreJournal(stores.runs), clock)
    workers = Workers(
        steps=steps,
        runs=stores.runs,
        source=source,
        inventory=inventory,
        clock=clock,
        most=settings.remediate.max_parallel,
    )
    responder = Responder(
        incidents=stores.incidents,
        runs=stores.runs,
        approvals=stores.approvals,
        pauses=stores.pauses,
        decider=Decider(definitions.catalog, inventory, stores.runs, settings.agent.mode),
        catalog=definitions.catalog,
        workers=workers,
        verifications=Verifications(source, latest, settings.verify.interval, clock.now()),
        clock=clock,
    )
    signals = definitions.book.signals
    collect = settings.collect
    buffer = FrameBuffer(signals, round(collect.history / collect.poll), collect.prometheus.max_series)
    detector = SeriesDetector(signals, settings.detect)
    buffer.on_renumber(detector.keep)
    pipeline = Pipeline(
        book=definitions.book,
        source=source,
        buffer=buffer,
        detector=detector,
        voter=RuleVoter(definitions.book),
        grouper=IncidentGrouper(definitions.book.faults),
        incidents=stores.incidents,
        responder=responder,
        latest=latest,
        keep_for=settings.diagnose.keep_for,
        clock=clock,
    )
    return Agent(
        settings=settings,
        definitions=definitions,
        stores=stores,
        source=source,
        inventory=inventory,
        pipeline=pipeline,
        responder=responder,
        workers=workers,
        clock=clock,
    )
