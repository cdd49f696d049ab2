"""What symptoms mean that somebody reports: the job platform's first question. It changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from agent.config.conditions import AnomalyKind
from agent.decide.match import rank_remediations
from agent.records import Candidate, Held, Incident, Option, Symptom
from agent.records.reports import ReportedSymptom
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, answers
from agent.web.api.moment import Moment
from agent.web.parts import Agent, Parts

router = APIRouter(prefix="/api/v1/aiops", route_class=GuardedRoute, tags=["job platform"])

_FOR_A_WHILE = timedelta(minutes=15)  # what does not say since when has been so for longer than rules wait
_LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$"
_EXAMPLES: dict[str, Any] = {
    "examples": [
        {
            "symptoms": [
                {"signal": "filesystem_free_ratio", "value": 0.01, "labels": {"mountpoint": "/var"}},
                "No space left on device",
            ],
            "context": {"instance": "web1:9100"},
        }
    ]
}

Label = Annotated[str, Field(pattern=_LABEL)]
LabelValue = Annotated[str, Field(max_length=500)]
Labels = Annotated[dict[Label, LabelValue], Field(max_length=50)]


class SymptomBody(BaseModel):
    """One symptom: a signal with its value or its anomaly, an alert, a text from a log, or an event."""

    model_config = ConfigDict(extra="forbid")
    signal: str | None = Field(default=None, max_length=64, description="the id of a signal of the rules")
    value: float | None = Field(
        default=None, allow_inf_nan=False, description="what the signal is, in its unit"
    )
    anomaly: AnomalyKind | None = Field(default=None, description="in what way the signal is unlike itself")
    alert: str | None = Field(default=None, min_length=1, max_length=200, description="the name of an alert")
    log: str | None = Field(default=None, min_length=1, max_length=4000, description="a line of a log")
    lines: int = Field(default=1, ge=1, le=10_000, description="how many such lines there were")
    event: str | None = Field(default=None, min_length=1, max_length=200, description="the kind of an event")
    labels: Labels = Field(default_factory=dict, description="whose symptom it is, beside the context")
    since: Moment | None = Field(default=None, description="since when; by default for 15 minutes")

    @model_validator(mode="after")
    def _is_one(self) -> SymptomBody:
        given = [name for name in ("signal", "alert", "log", "event") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of 'signal', 'alert', 'log', 'event'")
        if self.signal is not None and (self.value is None) == (self.anomaly is None):
            raise ValueError("'signal' needs 'value' or 'anomaly'")
        if self.signal is None and not (self.value is None and self.anomaly is None):
            raise ValueError("'value' and 'anomaly' belong to a 'signal'")
        return self


def _text_is_a_line(value: Any) -> Any:
    return {"log": value} if isinstance(value, str) else value


SymptomGiven = Annotated[
    SymptomBody, BeforeValidator(_text_is_a_line, json_schema_input_type=SymptomBody | str)
]


class DiagnosisBody(BaseModel):
    """What was seen, and what it is about."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_EXAMPLES)
    symptoms: list[SymptomGiven] = Field(min_length=1, max_length=200)
    context: Labels = Field(default_factory=dict, description="labels of what it is about: host, service…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault that the symptoms may mean. ``incident_id`` is the open incident that is about it already."""

    fault: str
    entity: str
    confidence: float
    voters: Mapping[str, float]
    evidence: Sequence[str]
    symptoms: Sequence[Symptom]
    labels: Mapping[str, str]
    incident_id: int | None
    remediations: Sequence[Option]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisAnswer:
    """What the symptoms mean, the surest first; ``held`` are rules that cannot tell for want of data."""

    diagnosis: Sequence[Finding]
    held: Sequence[Held]


@router.post("/fault-diagnosis", **needs(Scope.LOOK), **answers(Success[DiagnosisAnswer]))
def diagnose(request: Request, body: DiagnosisBody, agent: Agent) -> Response:
    """Say what reported symptoms mean, by the agent's rules, cases and models, with what it sees itself."""
    now = agent.clock.now()
    told = [_reported(place, one, agent, now) for place, one in enumerate(body.symptoms)]
    found = agent.diagnose(told, body.context)
    active = agent.stores.incidents.active()
    shown = [_finding(one, agent, active) for one in found.candidates]
    return success(request, DiagnosisAnswer(diagnosis=shown, held=found.held))


def _reported(place: int, one: SymptomBody, agent: Parts, now: datetime) -> ReportedSymptom:
    where = f"body.symptoms.{place}"
    since = one.since or now - _FOR_A_WHILE
    if since > now:
        raise HTTPException(422, f"{where}.since: {since:%Y-%m-%dT%H:%M:%SZ} has not come yet")
    common: dict[str, Any] = {"labels": one.labels, "since": since}
    if one.signal is not None:
        if one.signal not in agent.current.book().signals:
            raise HTTPException(422, f"{where}.signal: there is no signal '{one.signal}'")
        kind: Any = "signal" if one.anomaly is None else "anomaly"
        return ReportedSymptom(
            kind=kind, name=one.signal, value=one.value, anomaly=one.anomaly or "", **common
        )
    if one.alert is not None:
        return ReportedSymptom(kind="alert", name=one.alert, **common)
    if one.event is not None:
        return ReportedSymptom(kind="event", name=one.event, **common)
    # rules look back so far only: lines are those of now, however long they have been coming
    return ReportedSymptom(
        kind="log", name=one.log or "", lines=one.lines, labels=one.labels, since=one.since or now
    )


def _finding(one: Candidate, agent: Parts, active: Sequence[Incident]) -> Finding:
    fits = rank_remediations(one, agent.current.catalog().values(), agent.stores.history)
    about = (known.id for known in active if any(one.key == held.key for held in known.diagnosis.candidates))
    return Finding(
        fault=one.fault,
        entity=one.entity,
        confidence=one.confidence,
        voters=one.voters,
        evidence=one.evidence,
        symptoms=one.symptoms,
        labels=one.labels,
        incident_id=next(about, None),
        remediations=[fit.option for fit in fits],
    )
