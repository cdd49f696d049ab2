"""Settings in, single parts out: what the agent is made of, and what a command needs of it."""

from __future__ import annotations

import getpass
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from agent.background.places import open_shelf
from agent.background.scorer import ScorerProcess
from agent.clock import Clock
from agent.collect import PrometheusSource
from agent.config import Settings, load_policy
from agent.decide.policy import groups_of
from agent.detect.keeping import StateFolder
from agent.detect.models.shelf import detectors_of
from agent.diagnose import Dependencies
from agent.records.evidence import Edge
from agent.remediate import AnsibleInventory, HostQuestions, PlaybookRunner, Snapshots
from agent.remediate.ansible_config import AnsibleConfigs
from agent.response import OperatorActions, Person
from agent.store import Stores

_ANSWER_WITHIN_S = 2.0  # of the scoring process, and a quarter of a poll at most


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
    """Return what people may do, by the policy as it is on disk now."""
    return OperatorActions(stores, lambda: load_policy(settings.paths.rules), clock)


def person_at_the_keyboard() -> Person:
    """Return who gives a command: the person behind sudo, else the user of the process."""
    sudo = os.environ.get("SUDO_USER")
    name = sudo if sudo and os.geteuid() == 0 else getpass.getuser()
    return Person(name, groups_of(name))


def person_of(uid: int, pid: int) -> Person:
    """Return whose process has connected."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Person(name, groups_of(name))
