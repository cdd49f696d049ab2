"""What came of remediations, and how much the agent may do by itself with each for each fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.decide.autonomy import earned
from agent.learn.remediations import track_records
from agent.records.attempts import RemediationTrackRecord
from agent.records.autonomy import AutonomyStep, Rung, rung_after
from agent.records.tokens import Scope
from agent.response.autonomy_actions import AutonomyActions
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, answers, reading
from agent.web.parts import Agent, Asker, Parts

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["definitions"])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAutonomy:
    """Where a remediation stands for a fault. ``earned`` says why it may go up one rung, or nothing."""

    remediation: str
    fault: str
    rung: Rung
    earned: str
    steps: Sequence[AutonomyStep]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecords:
    """What came of all remediations, and the autonomy of those that ran or that somebody moved."""

    records: Sequence[RemediationTrackRecord]
    autonomy: Sequence[ShownAutonomy]


class StepWanted(BaseModel):
    """One rung up or down for a fault, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"fault": "service_down", "up": False, "comment": "not before the release"}]
        },
    )
    fault: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    up: bool
    comment: str = Field(min_length=1, max_length=2000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """Where a remediation stands now for a fault."""

    remediation: str
    fault: str
    rung: Rung


@router.get("/track-records", **needs(Scope.LOOK), **reading(Success[TrackRecords]))
def list_track_records(request: Request, agent: Agent) -> Response:
    """Show what came of remediations by fault and kind of host, what could be better, and their autonomy."""
    records = track_records(agent.stores.attempts.newest())
    steps = agent.stores.autonomy.list()
    keys = {(one.remediation, one.fault) for one in records} | {(one.remediation, one.fault) for one in steps}
    autonomy = [_autonomy(agent, *key, steps) for key in sorted(keys)]
    return success(request, TrackRecords(records=records, autonomy=autonomy))


@router.post(
    "/remediations/{name}/autonomy", **needs(Scope.DECIDE), **answers(Success[Stepped], 404, status=201)
)
def step_autonomy(request: Request, name: Name, body: StepWanted, agent: Agent, who: Asker) -> Response:
    """Take autonomy away from a remediation, or give it one rung back."""
    actions = AutonomyActions(
        agent.stores,
        agent.operator_actions,
        lambda one: found.file.fixes if (found := agent.current.catalog().get(one)) else (),
        lambda: agent.current.policy().autonomy.start,
        agent.clock,
    )
    rung = actions.step(who, name, body.fault, body.up, body.comment)
    return success(request, Stepped(remediation=name, fault=body.fault, rung=rung), 201)


def _autonomy(agent: Parts, remediation: str, fault: str, steps: Sequence[AutonomyStep]) -> ShownAutonomy:
    own = [one for one in steps if (one.remediation, one.fault) == (remediation, fault)]
    section = agent.current.policy().autonomy
    trials = agent.stores.history.trials(remediation)
    return ShownAutonomy(
        remediation=remediation,
        fault=fault,
        rung=rung_after(section.start, own),
        earned=earned(section, own, trials, fault),
        steps=own,
    )
