"""What the web may use of the agent, and how a route gets at it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from agent.charts import Chart
from agent.clock import Clock
from agent.config import Settings
from agent.decide.explanation import Explained
from agent.records import Anomaly, Incident, Run
from agent.records.reports import ReportedSymptom
from agent.records.training import Move, TrainingJob, TrainingKind
from agent.reported import ReportedDiagnosis
from agent.response import OperatorActions, Person
from agent.response.token_actions import TokenActions
from agent.store import Stores
from agent.stream import AlertIntake
from agent.web.access.callers import Caller
from agent.wiring.definitions import Current


class Trainings(Protocol):
    """Who starts trainings, and knows how they go."""

    def request(self, actor: str, kind: TrainingKind) -> TrainingJob:
        """Ask for a training; return its job, or that of the one that is at work. Raises RefusedError."""

    def job(self, number: int) -> TrainingJob:
        """Return a job as it stands. Raises NotFoundError."""

    def jobs(self) -> list[TrainingJob]:
        """Return all jobs, the newest first."""

    def move(self, kind: TrainingKind, move: Move, training: str | None) -> None:
        """Put a training in force or beside. Raises NotFoundError, ConflictError, ModelError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of the agent that the API shows and commands.

    ``readiness`` says of each thing that the agent needs, polls among them, why it is wanting, or nothing;
    ``own_trouble`` what it has been without for too long.
    """

    current: Current
    stores: Stores
    operator_actions: OperatorActions
    token_actions: TokenActions
    alerts: AlertIntake
    diagnose: Callable[[Sequence[ReportedSymptom], Mapping[str, str]], ReportedDiagnosis]
    explain: Callable[[Incident, Collection[str]], Sequence[Explained]]
    status: Callable[[], Mapping[str, Any]]
    anomalies: Callable[[], Sequence[Anomaly]]
    charts: Callable[[Incident, Sequence[Run]], Sequence[Chart]]
    trainer: Trainings
    readiness: Callable[[], Mapping[str, str]]
    own_trouble: Callable[[], str]
    alerts_arrived: Callable[[], None]
    groups_of: Callable[[str], frozenset[str]]
    person_of: Callable[[int, int], Person]
    clock: Clock

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self.current.settings

    @property
    def name(self) -> str:
        """Return what the agent is called."""
        return self.settings.agent.name

    @property
    def prometheus_url(self) -> str:
        """Return where people find the metrics."""
        return self.settings.collect.prometheus.url


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def _person(request: Request) -> Person:
    caller: Caller = request.state.caller
    return caller.person


Agent = Annotated[Parts, Depends(_parts)]
Who = Annotated[Caller, Depends(_caller)]
Asker = Annotated[Person, Depends(_person)]
