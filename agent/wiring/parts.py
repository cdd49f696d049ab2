"""Settings in, single parts out: what the agent is made of, and what a command needs of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.background.places import has_trained_diagnosis, open_fault_shelf, open_shelf
from agent.background.scorer import ScorerProcess
from agent.clock import Clock
from agent.collect import PrometheusSource
from agent.config import PolicyFile, Settings, load_policy
from agent.detect.keeping import StateFolder
from agent.detect.models.shelf import detectors_of
from agent.diagnose import Dependencies
from agent.records import KnownNames
from agent.records.evidence import Edge
from agent.remediate import AnsibleInventory, HostQuestions, PlaybookRunner, Snapshots
from agent.remediate.ansible_config import AnsibleConfigs
from agent.response import OperatorActions
from agent.store import Stores
from agent.wiring.definitions import Current

_ANSWER_WITHIN_S = 2.0  # of the scoring process, and a quarter of a poll at most


def make_source(settings: Settings) -> PrometheusSource:
    """Return the source of metrics."""
    prometheus = settings.collect.prometheus
    return PrometheusSource(prometheus.url, prometheus.timeout, prometheus)


def make_scorer(settings: Settings, clock: Clock) -> ScorerProcess:
    """Return who asks the models. It starts nothing before there is one."""
    shelf, faults = open_shelf(settings), open_fault_shelf(settings)
    entities = settings.detect.models.enabled
    return ScorerProcess(
        (shelf.folder if entities else Path(os.devnull), faults.folder),
        detectors_of(settings.detect.models.members),
        min(settings.collect.poll.total_seconds() / 4, _ANSWER_WITHIN_S),
        clock,
        lambda: (entities and shelf.stamp() is not None) or has_trained_diagnosis(settings),
    )


def state_folder(settings: Settings) -> StateFolder:
    """Return where detection keeps what it knows."""
    return StateFolder(settings.agent.state_dir / "detect", settings.agent.name)


def make_dependencies(settings: Settings) -> Dependencies:
    """Return who depends on whom as the settings say; what metrics show is learned while it runs."""
    edges = settings.collect.topology.edges
    return Dependencies(Edge(source=caller, target=callee) for caller, callee in edges)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsibleParts:
    """What speaks to Ansible: with one configuration, and one inventory."""

    config: AnsibleConfigs
    inventory: AnsibleInventory
    runner: PlaybookRunner
    snapshots: Snapshots
    runtime: Path
    vault_password_file: Path | None

    def questions(self) -> HostQuestions:
        """Return what asks hosts. Raises RunError when Ansible refuses its configuration."""
        return HostQuestions(
            folder=self.runtime, config=self.config.current(), vault_password_file=self.vault_password_file
        )


def make_ansible(settings: Settings, clock: Clock) -> AnsibleParts:
    """Return what speaks to Ansible."""
    remediate, folder = settings.remediate, settings.agent.runtime_dir
    config = AnsibleConfigs(remediate.ansible_config, settings.paths.playbooks)
    vault = remediate.vault_password_file
    inventory = AnsibleInventory(
        settings.paths.inventory,
        clock,
        settings.decide.inventory_refresh,
        folder / "inventory",
        config.current,
        vault,
    )
    return AnsibleParts(
        config=config,
        inventory=inventory,
        runner=PlaybookRunner(folder, inventory, config.current, vault),
        snapshots=Snapshots(settings.agent.state_dir / "snapshots", settings.paths.playbooks, config.current),
        runtime=folder,
        vault_password_file=vault,
    )


def make_operator_actions(settings: Settings, stores: Stores, clock: Clock) -> OperatorActions:
    """Return what people may do beside a running agent, by the policy and remediations it goes by.

    What is on disk may be newer than that, or have a mistake in it, and nobody must wait for its mending
    who wants to stop something. It counts only where no agent ever ran.
    """

    def policy() -> PolicyFile:
        roles = stores.in_force.get("roles")
        if roles is None:
            return load_policy(settings.paths.rules)
        return PolicyFile(roles=roles, remediations=[])

    def names() -> KnownNames:
        return KnownNames(remediations=stores.in_force.get("remediations") or [])

    return OperatorActions(stores, policy, names, clock)


def make_known_names(current: Current, inventory: AnsibleInventory) -> Callable[[], KnownNames]:
    """Return what knows the names in force; of hosts those read last, for a stop switch waits for nobody."""

    def known() -> KnownNames:
        read = inventory.known
        hosts = list(read.hosts.values()) if read is not None else []
        return KnownNames(
            hosts=sorted(set().union(*(one.names for one in hosts))) if read is not None else None,
            groups=sorted(read.groups.union(*(one.groups for one in hosts))) if read is not None else None,
            faults=sorted(current.book().faults),
            remediations=sorted(current.catalog()),
        )

    return known
