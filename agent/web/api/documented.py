"""How answers are described in the OpenAPI document: the envelope around each kind of data, every refusal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

Data = TypeVar("Data")

_REFUSALS: Mapping[int, tuple[str, str]] = {
    400: ("The body is not what it should be.", "the body is no Alertmanager webhook: no alerts in it"),
    401: ("Nobody known asks.", "a token is needed: Authorization: Bearer …"),
    403: ("That is not allowed to who asks.", "ann may not approve: no role in policy.yml gives it to them"),
    404: ("There is nothing of that name.", "there is no incident 99"),
    409: ("Somebody else was first.", "incident 7: the request was approved already by bob"),
    413: ("The body is too large.", "a body needs a length of at most 5242880 bytes"),
    422: ("A value does not fit.", "body.remediation: String should match pattern '^[a-z][a-z0-9_]{0,63}$'"),
    429: ("That was too often; Retry-After says when to come again.", "too many requests; come again in 1 s"),
    500: (
        "The agent has a fault of its own.",
        "something went wrong; the log has it under this request's id",
    ),
    503: ("The store cannot be used now.", "/var/lib/opsmend/opsmend.db: disk I/O error"),
}


class Success(BaseModel, Generic[Data]):
    """What was asked for."""

    status: Literal["success"]
    data: Data
    timestamp: datetime = Field(description="when the agent answered")


class Page(Success[Data], Generic[Data]):
    """A part of a list. ``next`` is where the part after it is, missing at the end."""

    next: str | None = Field(default=None, description="path of the part after this one")


class Failure(BaseModel):
    """Why it was not done."""

    status: Literal["error"]
    message: str = Field(description="why, for people")
    timestamp: datetime = Field(description="when the agent answered")


def answers(model: Any, *more: int, status: int = 200, public: bool = False) -> dict[str, Any]:
    """Return the arguments of a route that say what it answers: data of a model, and with what it refuses.

    Who is not known, asks too often or asks for too much is refused everywhere; ``more`` are further ones.
    """
    refusals = {*more, *((503,) if public else (401, 403, 413, 422, 429, 503))}
    return {
        "status_code": status,
        "response_model": None,
        "responses": {status: {"model": model}, **{code: _refusal(code) for code in sorted(refusals)}},
    }


def reading(model: Any, *more: int) -> dict[str, Any]:
    """Return the same for a route that shows something: a client that has it already is told so."""
    arguments = answers(model, *more)
    arguments["responses"][304] = {"description": "It is what If-None-Match names.", "content": {}}
    return arguments


def _refusal(code: int) -> dict[str, Any]:
    said, example = _REFUSALS[code]
    shown = {"status": "error", "message": example, "timestamp": "2026-11-28T03:12:45Z"}
    return {"description": said, "model": Failure, "content": {"application/json": {"example": shown}}}
