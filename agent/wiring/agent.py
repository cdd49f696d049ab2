"""What the service starts and stops, as one record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.background.failurewatch import FailureWatch
from agent.background.scorer import ScorerProcess
from agent.charts import IncidentCharts
from agent.clock import Clock
from agent.collect import PrometheusSource
from agent.collect.topology import TopologyReader
from agent.config import Settings
from agent.decide.explanation import Explainer
from agent.detect.keeping import StateFolder
from agent.detect.models.client import ModelClient
from agent.diagnose import Clearance, Dependencies
from agent.investigation.investigator import Investigator
from agent.notify import Notifier, OwnTroubleMessages
from agent.pipeline import Pipeline
from agent.records import Anomaly
from agent.response import OperatorActions, Previews, Responder, Workers
from agent.store import Stores
from agent.stream import AlertIntake, Feed, Stream
from agent.wiring.definitions import Current, Definitions, with_digests
from agent.wiring.diagnosing import make_lifecycle
from agent.wiring.parts import AnsibleParts
from agent.wiring.voting import Learned, make_ensemble, make_voter


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

    alerts: AlertIntake
    current: Current
    stores: Stores
    source: PrometheusSource
    ansible: AnsibleParts
    pipeline: Pipeline
    responder: Responder
    previews: Previews
    workers: Workers
    notifier: Notifier
    own_trouble_messages: OwnTroubleMessages
    operator_actions: OperatorActions
    clock: Clock
    charts: IncidentCharts
    explainer: Explainer
    dependencies: Dependencies
    clearance: Clearance
    topology: TopologyReader
    investigator: Investigator
    learned: Learned
    detection: StateFolder
    scorer: ScorerProcess
    announcers: tuple[Announcer, ...] = ()
    feeds: tuple[Feed, ...] = ()
    stream: Stream | None = None
    models: ModelClient | None = None
    failures: FailureWatch | None = None

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self.current.settings

    def read_topology(self) -> None:
        """Ask who calls whom, and go by it from now on."""
        topology = self.topology.read(self.clock.now())
        if topology.version != self.pipeline.topology.version:
            self.dependencies.learn(topology.edges)
            self.pipeline.topology = topology

    def tidy(self) -> None:
        """Remove what a killed agent has left, and copies that no remediation and no run needs any more."""
        self.ansible.runner.remove_remains()
        unfinished = {self.stores.runs.get(run_id).plan.digest for run_id in self.stores.runs.unfinished()}
        in_force = {one.digest for one in self.current.catalog().values()}
        self.ansible.snapshots.forget(unfinished | in_force)

    def keep_in_force(self) -> None:
        """Write by which roles and remediations commands go beside this agent. Raises StoreError."""
        definitions = self.current.definitions
        now = self.clock.now()
        roles = {name: role.model_dump() for name, role in definitions.policy.roles.items()}
        self.stores.in_force.keep("roles", roles, now)
        self.stores.in_force.keep("remediations", sorted(definitions.catalog), now)

    def reload(self, settings: Settings, definitions: Definitions) -> None:
        """Go by new settings, rules, remediations and policy from the next poll and turn on.

        Of the settings only those under ``agent.config.effective.LIVE`` may differ from the old ones.
        Raises ConfigError for remediations of which no copy can be kept; the old ones stay then.
        """
        definitions = with_digests(definitions, self.ansible.snapshots)
        with self.pipeline.lock, self.responder.lock:  # in the order of a poll, which ends in a turn
            self.current.settings = settings
            self.current.definitions = definitions
            self.pipeline.reload(
                definitions.book,
                make_voter(self.settings, definitions.book),
                make_ensemble(self.settings, definitions.cases, self.clock, self.learned),
                make_lifecycle(self.settings, definitions.book, self.dependencies, self.clearance),
            )
