"""The pause switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.config.scalars import PositiveDuration
from agent.records import Pause, PauseScope
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.decisions import Comment
from agent.web.api.documented import Success, answers
from agent.web.parts import Agent, Asker

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["agent"])


Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=255)], ...], Field(max_length=1000)]


class PauseWanted(Comment):
    """For how long, without it until somebody resumes; and of what, without it of everything."""

    duration: PositiveDuration | None = Field(default=None, alias="for")
    hosts: Names = ()
    groups: Names = Field(default=(), description="of the inventory")
    faults: Names = ()
    remediations: Names = ()


class ResumeWanted(BaseModel):
    """Which pause to end; without it all."""

    model_config = ConfigDict(extra="forbid")
    id: int | None = Field(default=None, ge=1, le=2**53)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Whether anything was paused, and the pauses that were ended."""

    was_paused: bool
    ended: Sequence[Pause]


@router.post("/pause", **needs(Scope.DECIDE), **answers(Success[Pause], 404))
def pause(request: Request, body: PauseWanted, agent: Agent, who: Asker) -> Response:
    """Start nothing new until resumed."""
    until = agent.clock.now() + body.duration if body.duration else None
    scope = PauseScope(
        hosts=body.hosts, groups=body.groups, faults=body.faults, remediations=body.remediations
    )
    return success(request, agent.operator_actions.pause(who, body.comment, until, scope))


@router.post("/resume", **needs(Scope.DECIDE), **answers(Success[Resumed], 404))
def resume(request: Request, agent: Agent, who: Asker, body: ResumeWanted | None = None) -> Response:
    """End one pause, or every one."""
    ended = agent.operator_actions.resume(who, body.id if body else None)
    return success(request, Resumed(was_paused=bool(ended), ended=ended))
