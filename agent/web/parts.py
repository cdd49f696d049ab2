"""What a request may use: the parts of the agent, and who is asking."""

from __future__ import annotations

import pwd
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, HTTPException, Request, Response

from agent.clock import Clock
from agent.decide.policy import groups_of
from agent.records import Anomaly
from agent.records.plain import to_plain
from agent.response import OperatorActions, Person
from agent.store import Stores
from agent.web.access import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of the agent that the API shows and commands."""

    stores: Stores
    operator_actions: OperatorActions
    tokens: Callable[[], Tokens]
    status: Callable[[], Mapping[str, Any]]
    anomalies: Callable[[], Sequence[Anomaly]]
    healthy: Callable[[], bool]
    alerts_arrived: Callable[[], None]
    clock: Clock


def parts_of(request: Request) -> Parts:
    """Return the parts that the app was made with."""
    parts: Parts = request.app.state.parts
    return parts


def caller(request: Request) -> Person:
    """Return who asks: by the kernel on the agent's own socket, else by the token.

    Raises HTTPException 401.
    """
    if (peer := request.scope.get("peer")) is not None:
        return _person_at(peer[0])
    name = parts_of(request).tokens().name_of(request.headers.get("authorization"))
    if name is None:
        needed = {"WWW-Authenticate": "Bearer"}
        raise HTTPException(401, "a bearer token is needed; see api.tokens_file", needed)
    return Person(name, groups_of(name))


def _person_at(uid: int) -> Person:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return Person(str(uid))
    return Person(name, groups_of(name))


Agent = Annotated[Parts, Depends(parts_of)]
Caller = Annotated[Person, Depends(caller)]


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a record as a JSON response."""
    body = orjson.dumps(content, default=to_plain, option=orjson.OPT_UTC_Z)
    return Response(body, status, dict(headers or {}), "application/json")
