"""Settings of how people are called, and who hears of what."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, model_validator

from agent.config.places import InputFile
from agent.config.scalars import PositiveDuration
from agent.config.sources import AlertmanagerSection
from agent.config.yamlfile import Strict


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
