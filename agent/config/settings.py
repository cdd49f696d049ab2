"""The schema of ``opsmend.yml``: one section per room, in the order of the flow."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from agent.config.api import ApiSection
from agent.config.learn import LearnSection
from agent.config.models import ModelsSection
from agent.config.notify import NotifySection
from agent.config.places import InputFile, Place
from agent.config.retention import RetentionSection
from agent.config.scalars import Duration, PositiveDuration, check_patterns
from agent.config.sources import (
    KafkaSection,
    PrometheusSection,
    SearchSection,
    TopologySection,
)
from agent.config.stock import default_folders
from agent.config.yamlfile import Strict

Mode = Literal["observe", "approve", "auto"]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str | Path) else value


_SHORTEST_FALL, _LONGEST_FALL = timedelta(minutes=1), timedelta(days=1)
_ONE_OR_MANY_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Paths = Annotated[tuple[Place, ...], BeforeValidator(_one_or_many), WithJsonSchema(_ONE_OR_MANY_SCHEMA)]


class AgentSection(Strict):
    """The agent itself."""

    name: str = Field(
        default="opsmend",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
        description="what this agent is called in messages, log and alerts",
    )
    mode: Mode = Field(
        default="approve",
        description="observe: only say what it would do; approve: ask first; auto: act within policy",
    )
    state_dir: Place = Field(default=Path("/var/lib/opsmend"), description="the store and its backups")
    runtime_dir: Place = Field(default=Path("/run/opsmend"), description="live status, run workspaces")
    time_scale: float = Field(
        default=1.0,
        gt=0,
        le=10,
        description="multiplies the waiting times of rules and remediations; for demos and tests only",
    )
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="auto: text on a terminal, else JSON for the journal"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="what is logged, and all that is graver"
    )


class PathsSection(Strict):
    """Where contributors' files are; a later folder adds to an earlier one or replaces by id."""

    rules: Paths = Field(
        default_factory=partial(default_folders, "rules"),
        description="signals, rules, faults, cases, policy; default: the stock ones, then /etc/opsmend/rules",
    )
    playbooks: Paths = Field(
        default_factory=partial(default_folders, "playbooks"),
        description="remediations; default: the stock ones, then /etc/opsmend/playbooks",
    )
    inventory: Paths = Field(
        default=(Path("/etc/opsmend/inventory"),),
        description="Ansible inventories: files, folders, scripts, plugins; all of them count",
    )


class StreamWorkers(Strict):
    """How many threads each stage of the stream has."""

    collect: int = Field(default=3, ge=1, le=64, description="threads that take records from the sources")
    detect: int = Field(default=5, ge=1, le=64, description="threads that look for what is unusual in them")
    predict: int = Field(default=2, ge=1, le=64, description="threads that look ahead")
    diagnose: int = Field(default=3, ge=1, le=64, description="threads that ask the rules")
    remediate: int = Field(default=2, ge=1, le=64, description="threads that have it decided and run")


class StreamSection(Strict):
    """How what arrives by itself goes through five stages; a full buffer slows its source down."""

    workers: StreamWorkers = StreamWorkers()
    buffer: int = Field(default=10_000, ge=1, le=1_000_000, description="records that wait before a stage")
    longest: PositiveDuration = Field(
        default=timedelta(seconds=5),
        description="a record that has waited so long closes a buffer until it is taken",
    )


class CollectSection(Strict):
    """What comes in, and how often."""

    poll: PositiveDuration = Field(
        default=timedelta(seconds=15), description="how often the metrics are asked for"
    )
    history: PositiveDuration = Field(
        default=timedelta(hours=1), description="how much of each series is kept in memory"
    )
    prometheus: PrometheusSection = PrometheusSection()
    search: SearchSection | None = None
    kafka: KafkaSection | None = None
    topology: TopologySection = TopologySection()
    stream: StreamSection = StreamSection()

    @model_validator(mode="after")
    def _history_is_worth_it(self) -> CollectSection:
        polls = self.history / self.poll
        if not 10 <= polls <= 20_000:
            raise ValueError(f"'history' is {polls:.0f} polls long; keep it between 10 and 20,000 polls")
        return self


class DetectSection(Strict):
    """How strange a series must be to be called anomalous."""

    alarms_per_day: float = Field(
        default=0.5,
        gt=0,
        description="how often an entity may be alarming, true and false alarms together; a series is "
        "strange when a value as far off comes less often than its share of them allows",
    )
    warm_up: int = Field(default=40, ge=5, description="samples a series needs before it is judged")
    open_after: int = Field(default=1, ge=1, description="strange samples in a row that open an anomaly")
    close_after: int = Field(default=2, ge=1, description="normal samples in a row that close it")
    missing_after: int = Field(
        default=12,
        ge=0,
        description="samples that a series which was always there must miss to count as missing; 0: never",
    )
    new_normal_after: PositiveDuration = Field(
        default=timedelta(days=1), description="an anomaly that lasts so long is the new normal, and learned"
    )
    timezone: str | None = Field(
        default=None,
        description="the time zone whose days series follow, such as Europe/Berlin, where the inventory "
        "variable opsmend_timezone of a host says no other; default: that of the agent's machine",
    )
    models: ModelsSection = ModelsSection()

    @field_validator("timezone")
    @classmethod
    def _must_be_known(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"'{value}' is no time zone; write a name such as Europe/Berlin or UTC")
        return value


class PredictSection(Strict):
    """What is about to be used up."""

    least_span: PositiveDuration = Field(
        default=timedelta(minutes=20),
        description="a fall that was seen for less says nothing; "
        "a quarter of it is the time between two looks; 1m to 1d",
    )

    @field_validator("least_span")
    @classmethod
    def _must_be_worth_a_look(cls, value: timedelta) -> timedelta:
        if not _SHORTEST_FALL <= value <= _LONGEST_FALL:
            raise ValueError(
                "must be from 1m, less of which is noise, to 1d, after which nothing is foreseen"
            )
        return value


class ProbesSection(Strict):
    """Questions over ssh that change nothing, put to the hosts of an incident when it opens."""

    enabled: bool = Field(
        default=True, description="ask hosts of the inventory; only those whose key is known answer"
    )
    timeout: PositiveDuration = Field(
        default=timedelta(seconds=10), description="how long one question may take"
    )


class DiagnoseSection(Strict):
    """How findings become incidents."""

    probes: ProbesSection = ProbesSection()

    classifier: InputFile | None = Field(
        default=None, description="a trained classifier, as opsmend diagnose --save-classifier writes it"
    )
    at_once_above: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="what arrives by itself is diagnosed at once when a rule is surer than this",
    )

    alerts_expire: PositiveDuration = Field(
        default=timedelta(hours=12),
        description="an alert that its sender repeats no more counts as resolved after so long",
    )

    keep_for: PositiveDuration = Field(
        default=timedelta(minutes=1),
        description="how long symptoms must stay away before an incident counts as cleared",
    )

    # heartbeats that fire for ever, helpers of inhibition, and what the agent itself has sent
    ignored_alerts: tuple[str, ...] = Field(
        default=("Watchdog", "DeadMansSwitch", "InfoInhibitor", "Opsmend.*"),
        description="names, as regular expressions, of alerts that are no incident where no rule knows them",
    )

    settle: PositiveDuration = Field(
        default=timedelta(minutes=2),
        description="how long nothing is concluded of a host that was silent and is back",
    )

    @field_validator("ignored_alerts")
    @classmethod
    def _patterns_compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        check_patterns({pattern: pattern for pattern in patterns})
        return patterns


class DecideSection(Strict):
    """How a decision is made."""

    inventory_refresh: PositiveDuration = Field(
        default=timedelta(minutes=5),
        description="how often dynamic inventories are read again; changed files are seen at once",
    )


class RemediateSection(Strict):
    """How playbooks are run."""

    max_parallel: int = Field(
        default=2,
        ge=1,
        le=64,
        description="runs at a time; ansible-playbook keeps a processor busy while it starts",
    )
    grace: PositiveDuration = Field(
        default=timedelta(seconds=60), description="how long a running step may go on after SIGTERM"
    )
    ansible_config: Place | None = Field(
        default=None,
        description="the ansible.cfg in force; where it is not set, Ansible's own rules count: "
        "ANSIBLE_CONFIG, a file beside the playbooks, ~/.ansible.cfg, /etc/ansible/ansible.cfg",
    )
    vault_password_file: InputFile | None = Field(
        default=None, description="opens what Ansible Vault encrypted in the inventory and in playbooks"
    )


class VerifySection(Strict):
    """How often a run's checks are looked at while it is being verified."""

    interval: PositiveDuration = Field(
        default=timedelta(seconds=2), description="time between two looks at the checks of a run"
    )


class Settings(Strict):
    """``opsmend.yml``, whole."""

    agent: AgentSection = AgentSection()
    paths: PathsSection = Field(default_factory=PathsSection)  # where it lies is no part of a schema
    collect: CollectSection = CollectSection()
    detect: DetectSection = DetectSection()
    predict: PredictSection = PredictSection()
    diagnose: DiagnoseSection = DiagnoseSection()
    decide: DecideSection = DecideSection()
    remediate: RemediateSection = RemediateSection()
    verify: VerifySection = VerifySection()
    learn: LearnSection = LearnSection()
    api: ApiSection = ApiSection()
    notify: NotifySection = NotifySection()
    retention: RetentionSection = RetentionSection()

    @property
    def audit_folder(self) -> Path:
        """Return where the sealed parts of the audit are."""
        return self.agent.state_dir / "audit"

    @property
    def database(self) -> Path:
        """Return the file of the store."""
        return self.agent.state_dir / "opsmend.db"


__all__ = ["Duration", "Mode", "Settings"]
