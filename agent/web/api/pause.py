"""The pause switch."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from agent.config.scalars import PositiveDuration
from agent.records.tokens import Scope
from agent.store import Pause
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.decisions import Comment
from agent.web.api.documented import Success, answers
from agent.web.parts import Agent, Asker

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["agent"])


class PauseWanted(Comment):
    """For how long; without it until somebody resumes."""

    duration: PositiveDuration | None = Field(default=None, alias="for")


@router.post("/pause", **needs(Scope.DECIDE), **answers(Success[Pause]))
def pause(request: Request, body: PauseWanted, agent: Agent, who: Asker) -> Response:
    """Start nothing new until resumed."""
    until = agent.clock.now() + body.duration if body.duration else None
    return success(request, agent.operator_actions.pause(who, body.comment, until))


@router.post("/resume", **needs(Scope.DECIDE), **answers(Success[dict[str, bool]]))
def resume(request: Request, agent: Agent, who: Asker) -> Response:
    """End every pause."""
    return success(request, {"was_paused": agent.operator_actions.resume(who)})
