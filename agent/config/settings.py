"""The schema of ``opsmend.yml``: one section per room, in the order of the flow."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from agent.config.api import ApiSection
from agent.config.conditions import check_patterns
from agent.config.models import ModelsSection
from agent.config.places import InputFile, Place
from agent.config.scalars import Duration, PositiveDuration
from agent.config.sources import (
    AlertmanagerSection,
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


_ONE_OR_MANY_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Paths = Annotated[tuple[Place, ...], BeforeValidator(_one_or_many), WithJsonSchema(_ONE_OR_MANY_SCHEMA)]


_DAY, _WEEK, _MONTH = timedelta(days=1), timedelta(days=7), timedelta(days=30)


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
        "a quarter of it is the time between two looks",
    )


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


class DiagnosisTrainingSection(Strict):
    """A model that names faults, trained on the incidents of this agent."""

    enabled: bool = Field(
        default=True, description="train it in the background, once there is enough, and let it vote"
    )
    retrain_every: PositiveDuration = Field(
        default=timedelta(days=7), description="how often it is trained anew"
    )
    budget: PositiveDuration = Field(
        default=timedelta(minutes=2), description="how long algorithms are tried; the best so far is taken"
    )
    jobs: int = Field(
        default=0, ge=0, le=64, description="processes that train, all at lowest priority; 0: one a processor"
    )


class FailureTrainingSection(Strict):
    """How likely hosts fail ahead, learned from how they were before past incidents."""

    enabled: bool = Field(
        default=True, description="train it in the background, once there is enough, and tell it"
    )
    history: PositiveDuration = Field(
        default=timedelta(days=30),
        description="how much of the past is learned from, as far as metrics are kept",
    )
    retrain_every: PositiveDuration = Field(
        default=timedelta(days=7), description="how often it is trained anew"
    )


class LearnSection(Strict):
    """What the agent learns from its own incidents."""

    diagnosis: DiagnosisTrainingSection = DiagnosisTrainingSection()
    failures: FailureTrainingSection = FailureTrainingSection()


class NotifyTarget(Strict):
    """Where messages go: a file that holds an apprise URL (Slack, e-mail, PagerDuty…) per line.

    A relative name is looked up in systemd's credentials folder.
    """

    url_file: InputFile = Field(description="holds apprise URLs, one a line; only the agent may read it")
    person: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$",
        description="who reads it, where that is one person: requests then carry a link to answer them by",
    )
    previews: bool = Field(
        default=False,
        description="a request then quotes what check mode says, with the lines of files that would change: "
        "only where nobody reads who may not read those files",
    )


class AnomalyMessages(Strict):
    """Who hears of anomalies that are no incident, or none yet."""

    targets: list[str] = Field(min_length=1, description="names under notify.targets")
    confidence: float = Field(default=0.9, ge=0, le=1, description="how sure the agent must be")
    every: PositiveDuration = Field(
        default=timedelta(minutes=30), description="at most one message in so long; it tells all that are new"
    )


class NotifySection(Strict):
    """How people are called."""

    targets: dict[str, NotifyTarget] = Field(default_factory=dict)
    escalate_to: list[str] = Field(
        default_factory=list,
        description="targets that hear at once of what the agent gives to people; until somebody takes it, "
        "approval.contacts of policy.yml follow",
    )
    remind_every: PositiveDuration | None = Field(
        default=timedelta(hours=4),
        description="after how long of silence such a target is reminded of all it has, in one message",
    )
    inform: list[str] | None = Field(
        default=None,
        description="targets that hear of incidents whose faults are all of severity info; "
        "default: those of anomalies, else escalate_to",
    )
    anomalies: AnomalyMessages | None = None
    alertmanager: AlertmanagerSection | None = None
    trouble_after: PositiveDuration = Field(
        default=timedelta(minutes=5),
        description="how long the agent's store, a source or a target is out of order before people are told",
    )

    @model_validator(mode="after")
    def _targets_exist(self) -> NotifySection:
        named = {"escalate_to": self.escalate_to, "inform": self.inform or []}
        named["anomalies.targets"] = self.anomalies.targets if self.anomalies else []
        for key, names in named.items():
            for name in names:
                if name not in self.targets:
                    raise ValueError(f"{key} names '{name}', which is not under targets")
        return self

    @property
    def informed(self) -> list[str]:
        """Return the targets that hear of what is not urgent."""
        if self.inform is not None:
            return self.inform
        return self.anomalies.targets if self.anomalies else self.escalate_to


class RetentionSection(Strict):
    """How long what is over is kept. What is at work, waits, or is for people stays whatever its age."""

    step_output: PositiveDuration = Field(
        default=timedelta(days=30),
        description="what playbooks printed, and the tasks they went through; how each step ended stays",
    )
    investigations: PositiveDuration = Field(
        default=timedelta(days=90), description="what was found out about an incident that is over"
    )
    incidents: PositiveDuration = Field(
        default=timedelta(days=365),
        description="with their runs, approvals and messages; a week at least, for guards look back",
    )
    alerts: PositiveDuration = Field(default=timedelta(days=30), description="that are resolved")
    events: PositiveDuration = Field(default=timedelta(days=30), description="such as deployments")
    log_counts: PositiveDuration = Field(
        default=timedelta(days=2), description="how often which line was logged"
    )
    forecasts: PositiveDuration = Field(
        default=timedelta(days=365), description="of which it is known what came"
    )
    feedback: PositiveDuration = Field(
        default=timedelta(days=365),
        description="on anomalies and entities, 30d at least; what is about an incident goes with it",
    )
    orders: PositiveDuration = Field(
        default=timedelta(days=30),
        description="of programs that led to no incident, a day at least; the others go with theirs",
    )
    decision_links: PositiveDuration = Field(
        default=timedelta(days=1), description="by which a person answers, after they have expired"
    )
    audit: PositiveDuration = Field(
        default=timedelta(days=365),
        description="then it is sealed into a file a month under state_dir/audit, which stays",
    )

    @model_validator(mode="after")
    def _nothing_is_missed(self) -> RetentionSection:
        if self.incidents < _WEEK:
            raise ValueError("incidents: guards look back at them, so they are kept for 7d at least")
        if self.feedback < _MONTH:
            raise ValueError("feedback: detection goes by it for a month, so it is kept for 30d at least")
        if self.orders < _DAY:
            raise ValueError("orders: their keys hold for a day, so they are kept for 1d at least")
        return self


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
