"""The schema of the sources under ``collect``: where they are, how they let us in, what their fields mean."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from agent.config.places import InputFile
from agent.config.scalars import Duration, PositiveDuration
from agent.config.yamlfile import Strict

_URL = "where its HTTP API is, without a password"
_TIMEOUT = "how long an answer may take"
_USERNAME = "for a login with a password"
_CREDENTIAL = "a file; a relative name is looked up in systemd's credentials folder"


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_one_or_many),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class TlsSection(Strict):
    """How a source proves itself to us, and we to it."""

    ca_file: InputFile | None = Field(
        default=None, description="certificates to trust instead of the system's"
    )
    cert_file: InputFile | None = Field(default=None, description=f"our certificate: {_CREDENTIAL}")
    key_file: InputFile | None = Field(default=None, description=f"the key of our certificate: {_CREDENTIAL}")

    @model_validator(mode="after")
    def _key_has_a_certificate(self) -> TlsSection:
        if self.key_file and not self.cert_file:
            raise ValueError("'key_file' needs 'cert_file' beside it")
        return self


class HttpSection(TlsSection):
    """A source that speaks HTTP."""

    url: str = Field(pattern=r"^https?://[^\s?#]+$", description=_URL)
    timeout: PositiveDuration = Field(default=timedelta(seconds=10), description=_TIMEOUT)
    username: str | None = Field(default=None, description=_USERNAME)
    password_file: InputFile | None = Field(default=None, description=_CREDENTIAL)
    token_file: InputFile | None = Field(default=None, description=f"holds a bearer token: {_CREDENTIAL}")
    api_key_file: InputFile | None = Field(default=None, description=f"holds an API key: {_CREDENTIAL}")

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if "@" in url.split("//", 1)[1].split("/", 1)[0]:
            raise ValueError("must not hold a password")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _one_way_in(self) -> HttpSection:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("'username' and 'password_file' belong together")
        given = [name for name in ("username", "token_file", "api_key_file") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"gives more than one way in: {', '.join(given)}")
        return self


class PrometheusSection(HttpSection):
    """A Prometheus, or what speaks its HTTP API: Thanos, Mimir, VictoriaMetrics."""

    url: str = Field(default="http://127.0.0.1:9090", pattern=r"^https?://[^\s?#]+$", description=_URL)
    max_series: int = Field(default=100_000, ge=1, description="series kept; the oldest idle ones go first")
    tenant: str | None = Field(default=None, max_length=200, description="sent as X-Scope-OrgID, for Mimir")
    scrape_interval: PositiveDuration | None = Field(
        default=None, description="how often targets are scraped; by default as the source shows, by job"
    )
    replica_labels: Names = Field(
        default=("replica", "prometheus_replica", "__replica__"),
        description="labels by which replicas of one Prometheus differ, in its series and alerts",
    )
    batch: int = Field(
        default=1, ge=1, le=100, description="signals asked for in one query; more for a source far away"
    )
    backfill: bool = Field(
        default=True, description="at start, read the history from the source, to know normal at once"
    )
    seasons: Duration = Field(
        default=timedelta(days=7),
        le=timedelta(days=60),
        description="how far back that goes, at long steps, for what is usual at which time of day; 0s: not",
    )


class AlertmanagerSection(HttpSection):
    """An Alertmanager that hears of open anomalies: it groups, silences and passes them on."""

    tenant: str | None = Field(default=None, max_length=200, description="sent as X-Scope-OrgID, for Mimir")
    confidence: float = Field(
        default=0.8, ge=0, le=1, description="anomalies of which the agent is less sure are not sent"
    )
    resend: PositiveDuration = Field(
        default=timedelta(minutes=1),
        description="how often open anomalies are sent again; without it they end after three such times",
    )
    labels: dict[
        Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")], Annotated[str, Field(min_length=1)]
    ] = Field(default_factory=dict, description="added to every alert, for routes: {severity: warning}")


class LogFields(Strict):
    """Which fields of a document hold what. Of several the first that is there counts."""

    time: str = Field(default="@timestamp", description="when the line was written")
    message: Names = Field(default=("message", "log", "event.original"), description="the line itself")
    service: Names = Field(
        default=("service.name", "kubernetes.container.name", "container.name", "process.name"),
        description="the service that wrote it",
    )
    host: Names = Field(
        default=("host.name", "host.hostname", "kubernetes.node.name", "host", "agent.hostname"),
        description="the host that it comes from",
    )
    level: Names = Field(default=("log.level", "level", "severity"), description="how grave it is")


class SearchSection(HttpSection):
    """An Elasticsearch or OpenSearch that holds logs."""

    index: str = Field(default="logs*", pattern=r"^[^\s/?#\\]+$", description="indexes, * for a part, comma")
    every: PositiveDuration = Field(
        default=timedelta(seconds=30), description="how often new lines are asked for"
    )
    timeout: PositiveDuration = Field(default=timedelta(seconds=30), description=_TIMEOUT)
    history: PositiveDuration = Field(
        default=timedelta(minutes=10), description="how far the first reading ever goes back"
    )
    late: PositiveDuration = Field(
        default=timedelta(minutes=15), description="how late a line may arrive and still be counted"
    )
    learn: PositiveDuration = Field(
        default=timedelta(hours=1), description="how long at first no template counts as new or rare"
    )
    page: int = Field(default=5000, ge=10, le=10_000, description="lines asked for at once")
    filter: str | None = Field(default=None, max_length=2000, description="a query string for lines")
    tiebreaker: str | None = Field(
        default=None, description="a unique field to sort by after the time; by default the engine's own"
    )
    fields: LogFields = LogFields()


class EventFields(Strict):
    """Which fields of a JSON message hold what; dots go into objects."""

    kind: Names = Field(default=("kind", "type", "event"), description="what kind of event it is")
    time: Names = Field(default=("timestamp", "time", "@timestamp"), description="when it happened")
    message: Names = Field(default=("message", "summary", "description"), description="what it says")
    service: Names = Field(default=("service", "service.name"), description="the service it is about")
    host: Names = Field(default=("host", "host.name", "instance", "node"), description="the host it is about")


class KafkaSection(TlsSection):
    """A Kafka topic that events come from."""

    brokers: Names = Field(min_length=1, description="host:port, one or several")
    topic: str = Field(
        default="system-events", pattern=r"^[A-Za-z0-9._-]{1,249}$", description="where the events are"
    )
    group: str = Field(
        default="aiops-processor",
        min_length=1,
        max_length=255,
        description="the consumer group; agents of one group share the messages",
    )
    dead_letter: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        description="topic for messages that are no events; by default the topic's name and -dead-letter",
    )
    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: JSON where a message begins with a brace, else plain text"
    )
    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="whether the connection is encrypted, and whether we log in"
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="how we log in, with protocol SASL_…"
    )
    username: str | None = Field(default=None, description=_USERNAME)
    password_file: InputFile | None = Field(default=None, description=_CREDENTIAL)
    session_timeout: PositiveDuration = Field(
        default=timedelta(seconds=8), description="after so long the others take over what a dead agent had"
    )
    fields: EventFields = EventFields()

    @model_validator(mode="after")
    def _sasl_has_a_password(self) -> KafkaSection:
        if self.protocol.startswith("SASL") != (self.username is not None and self.password_file is not None):
            raise ValueError(
                "'username' and 'password_file' are needed with protocol SASL_…, and only with it"
            )
        return self


class TopologyQuery(Strict):
    """A metric whose labels name a caller and its callee."""

    query: str = Field(min_length=1, max_length=10_000, description="PromQL; one series for each edge")
    caller: str = Field(min_length=1, max_length=200, description="the label that names the caller")
    callee: str = Field(min_length=1, max_length=200, description="the label that names the callee")


class TopologySection(Strict):
    """Who calls whom."""

    edges: tuple[tuple[str, str], ...] = Field(default=(), description="[caller, callee] pairs")
    queries: tuple[TopologyQuery, ...] = Field(default=(), description="metrics with both sides as labels")
    discover: bool = Field(
        default=True, description="read the service graphs of traces and of Istio where there are any"
    )
    refresh: PositiveDuration = Field(
        default=timedelta(minutes=1), description="how often the metrics are asked who calls whom"
    )
    forget: PositiveDuration = Field(
        default=timedelta(hours=1), description="how long an edge that is seen no more is kept"
    )
