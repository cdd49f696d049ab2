"""Tokens: issued, listed, revoked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.config.scalars import PositiveDuration
from agent.records.tokens import Scope, Token
from agent.web.access import GuardedRoute, needs
from agent.web.answers import success
from agent.web.api.documented import Success, answers, reading
from agent.web.parts import Agent, Asker

router = APIRouter(prefix="/api/v1/tokens", route_class=GuardedRoute, tags=["tokens"])

TokenId = Annotated[str, Path(pattern=r"^[0-9a-f]{8}$")]


class TokenWanted(BaseModel):
    """Whom a token is to stand for, how far it is to reach, and for how long."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"person": "jenkins", "scope": "decide", "role": "platform", "for": "90d"}]
        },
    )
    person: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$")
    scope: Scope
    role: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,63}$")
    duration: PositiveDuration | None = Field(default=None, alias="for")
    note: str = Field(default="", max_length=200)


class NewToken(BaseModel):
    """A token that was just issued. ``secret`` is the token itself; it is shown this once."""

    token: Token
    secret: str


@router.get("", **needs(Scope.ADMIN), **reading(Success[list[Token]]))
def list_tokens(request: Request, agent: Agent, who: Asker) -> Response:
    """List the tokens that were issued, the newest first, those that open nothing any more among them."""
    return success(request, agent.token_actions.list(who))


@router.post("", **needs(Scope.ADMIN), **answers(Success[NewToken], status=201))
def issue(request: Request, body: TokenWanted, agent: Agent, who: Asker) -> Response:
    """Issue a token."""
    until = agent.clock.now() + body.duration if body.duration else None
    actions = agent.token_actions
    token, secret = actions.issue(who, body.person, body.scope, body.role, until, body.note)
    return success(request, {"token": token, "secret": secret}, 201)


@router.delete("/{token_id}", **needs(Scope.ADMIN), **answers(Success[Token], 404))
def revoke(request: Request, token_id: TokenId, agent: Agent, who: Asker) -> Response:
    """Let a token open nothing any more, nor the sessions that were begun with it."""
    return success(request, agent.token_actions.revoke(who, token_id))
