"""What happens, as it happens: server-sent events of everything, of one incident, of one run."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from agent.records.tokens import Scope
from agent.web.access import GuardedRoute, needs
from agent.web.api.documented import answers
from agent.web.live import Streams
from agent.web.parts import Agent

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, tags=["events"])

Id = Annotated[int, Path(ge=1, le=2**53)]
OfIncident = Annotated[int | None, Query(ge=1, le=2**53, description="only what is about this incident")]
_EXAMPLE = (
    "id: 512-88\nevent: task\n"
    'data: {"run":3,"at":"2026-11-28T03:12:47Z","step":"restart","host":"web1",'
    '"task":"Restart nginx.service","status":"changed","message":""}\n\n'
)
_STREAM = answers(None, 404)
_STREAM["response_class"] = StreamingResponse  # not JSON
_STREAM["responses"][200] = {
    "description": (
        "A stream. `audit`: somebody did something, an entry of the audit log. `task`: Ansible did "
        "something. Whoever comes back with Last-Event-ID misses nothing."
    ),
    "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
}


@router.get("/events", **needs(Scope.LOOK), **_STREAM)
async def follow(request: Request, incident: OfIncident = None) -> StreamingResponse:
    """Follow everything that happens, or what happens to one incident."""
    streams: Streams = request.app.state.streams
    return await streams.open(request, incident_id=incident)


@router.get("/runs/{run_id}/events", **needs(Scope.LOOK), **_STREAM)
async def follow_run(request: Request, run_id: Id, agent: Agent) -> StreamingResponse:
    """Follow one run: what Ansible does, and what becomes of it."""
    await run_sync(agent.stores.runs.get, run_id)
    streams: Streams = request.app.state.streams
    return await streams.open(request, run_id=run_id)
