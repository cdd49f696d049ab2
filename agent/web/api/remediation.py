"""A remediation that a job platform orders for a diagnosis, followed until it is proved or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import anyio
import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.config.scalars import parse_duration
from agent.decide.match import rank_remediations
from agent.instance import with_host
from agent.records import Candidate, Incident
from agent.records.orders import RemediationOrder
from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.access.gate import Gate
from agent.web.answers import success
from agent.web.api.documented import Success, answers
from agent.web.api.orders import PATH, OrderAnswer, order_answer
from agent.web.parts import Agent, Asker, Parts, Who

router = APIRouter(prefix=PATH, route_class=GuardedRoute, tags=["job platform"])

_LONGEST_WAIT_S = 300.0
_LOOK_EVERY_S = 0.25
_EXAMPLE: dict[str, Any] = {
    "examples": [
        {
            "diagnosis_result": {"fault": "service_down", "entity": "web1/nginx.service"},
            "context": {"remediation": "restart_service", "comment": "job 4711"},
        }
    ]
}

Id = Annotated[int, Path(ge=1, le=2**53)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="the same key of the same caller within 24 hours is the same order",
    ),
]
Wait = Annotated[
    str,
    Query(
        pattern=r"^[0-9]{1,3}(ms|s|m)$",
        description="answer when it is over, but within this time at most (60s; 5m is the most)",
    ),
]


class Fault(BaseModel):
    """One fault of a diagnosis, as fault-diagnosis names it; what else it says of it may stay."""

    model_config = ConfigDict(extra="ignore")
    fault: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    entity: str = Field(min_length=1, max_length=500)
    incident_id: int | None = Field(default=None, ge=1, le=2**53)


class DiagnosisResult(BaseModel):
    """What is to be remedied: one fault, or all that fault-diagnosis answered, of which the surest counts."""

    model_config = ConfigDict(extra="ignore")
    fault: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,63}$")
    entity: str | None = Field(default=None, min_length=1, max_length=500)
    incident_id: int | None = Field(default=None, ge=1, le=2**53)
    diagnosis: list[Fault] = Field(default_factory=list, max_length=1000)

    @model_validator(mode="after")
    def _names_something(self) -> DiagnosisResult:
        if (self.fault is None) != (self.entity is None):
            raise ValueError("'fault' and 'entity' belong together")
        if self.fault is None and self.incident_id is None and not self.diagnosis:
            raise ValueError(
                "needs 'fault' and 'entity', 'incident_id', or a 'diagnosis' that found something"
            )
        return self


class RemediationContext(BaseModel):
    """What the platform knows besides: which remediation it wants, why. Other keys are labels of its own."""

    model_config = ConfigDict(extra="allow")
    remediation: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,63}$")
    comment: str = Field(default="", max_length=2000)
    override_cooldown: bool = False


class RemediationOrdered(BaseModel):
    """An order."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_EXAMPLE)
    diagnosis_result: DiagnosisResult
    context: RemediationContext = RemediationContext()


def _accepting(*more: int) -> dict[str, Any]:
    """Return what the routes of orders answer: 202 while it goes on, 200 when it is over."""
    arguments = answers(Success[OrderAnswer], *more, status=202)
    arguments["responses"][200] = {"model": Success[OrderAnswer], "description": "It is over."}
    return arguments


@router.post("", **needs(Scope.DECIDE), **_accepting(404, 409))
async def order_remediation(
    request: Request,
    body: RemediationOrdered,
    agent: Agent,
    who: Asker,
    caller: Who,
    idempotency_key: Key = None,
    wait: Wait = "0s",
) -> Response:
    """Have a fault remedied that the agent sees too. Policy and guards decide; Location says how it goes.

    What the agent does not see itself is not run: it could not be proved.
    """
    order = await run_sync(_draft, agent, body, caller.key, idempotency_key)
    context = body.context
    placed = await run_sync(
        agent.operator_actions.order_run, order, who, context.comment, context.override_cooldown
    )
    return await _followed(request, agent, placed, wait)


@router.get("/{order_id}", **needs(Scope.LOOK), **_accepting(404))
async def show_order(request: Request, order_id: Id, agent: Agent, wait: Wait = "0s") -> Response:
    """Show how an order goes, or what came of it."""
    order = await run_sync(agent.stores.orders.get, order_id)
    return await _followed(request, agent, order, wait)


def _draft(agent: Parts, body: RemediationOrdered, owner: str, key: str | None) -> RemediationOrder:
    """Return the order that a body is, with the reason why nothing can be run where there is one."""
    wanted = body.context.remediation
    incident, candidate = _seen(agent, body)
    refusal = ""
    if incident is None or candidate is None:
        refusal = (
            f"{_told(body.diagnosis_result)}: opsmend does not see it itself, so nothing could be proved"
        )
        incident = None
    elif wanted is None:
        fits = rank_remediations(candidate, agent.current.catalog().values(), agent.stores.history)
        wanted = fits[0].remediation.name if fits else None
        refusal = "" if fits else f"no remediation is for {candidate.fault}"
    return RemediationOrder(
        id=0,
        owner=owner,
        key=key,
        digest=hashlib.sha256(orjson.dumps(body.model_dump(), option=orjson.OPT_SORT_KEYS)).hexdigest(),
        at=agent.clock.now(),
        incident_id=incident.id if incident is not None else None,
        remediation=wanted or "",
        request_id=None,
        refusal=refusal,
    )


def _seen(agent: Parts, body: RemediationOrdered) -> tuple[Incident | None, Candidate | None]:
    """Return the incident that is about a diagnosis, and its candidate that is the one of the diagnosis."""
    result = body.diagnosis_result
    first = result.diagnosis[0] if result.diagnosis else None
    number = result.incident_id or (first.incident_id if first else None)
    fault = result.fault or (first.fault if first else None)
    entity = result.entity or (first.entity if first else None)
    labels = with_host({k: v for k, v in (body.context.model_extra or {}).items() if isinstance(v, str)})
    for incident in agent.stores.incidents.active():
        if incident.state.final or (number is not None and incident.id != number):
            continue
        for candidate in incident.diagnosis.candidates:
            named = fault is None or (candidate.fault, candidate.entity) == (fault, entity)
            if named and _agree(labels, candidate.labels):
                return incident, candidate
    return None, None


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def _told(result: DiagnosisResult) -> str:
    first = result.diagnosis[0] if result.diagnosis else result
    if first.fault is not None:
        return f"{first.fault} on {first.entity}"
    return f"incident {result.incident_id}"


async def _followed(request: Request, agent: Parts, order: RemediationOrder, wait: str) -> Response:
    """Return where an order stands, when it is over or the time to wait is."""
    gate: Gate = request.app.state.gate
    left_s = min(parse_duration(wait).total_seconds(), _LONGEST_WAIT_S)
    answer = await run_sync(order_answer, agent.stores, order)
    stamp = agent.stores.database.stamp()
    with anyio.move_on_after(left_s):
        while not answer.is_over:
            await anyio.sleep(_LOOK_EVERY_S)
            newest = agent.stores.database.stamp()
            if newest != stamp:
                stamp = newest
                await gate.check_still(request)
                answer = await run_sync(order_answer, agent.stores, order)
    await gate.check_still(request)
    status = 200 if answer.is_over else 202
    return success(request, answer, status, Location=answer.status_url)
