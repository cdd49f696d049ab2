"""Settings of how long what is over is kept."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, model_validator

from agent.config.scalars import PositiveDuration
from agent.config.yamlfile import Strict

_DAY, _WEEK, _MONTH = timedelta(days=1), timedelta(days=7), timedelta(days=30)


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
