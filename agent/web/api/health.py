"""Whether the agent lives, whether it can work, and its metrics: for all who can reach the port."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from agent.metrics import exposition
from agent.web.access import GuardedRoute, public
from agent.web.answers import failure, success
from agent.web.api.documented import Success, answers
from agent.web.parts import Agent

router = APIRouter(route_class=GuardedRoute, tags=["health"])


@router.get("/healthz", include_in_schema=False, **public())
async def healthz(request: Request, agent: Agent) -> Response:
    """Say whether the agent polls and has all that it needs; 503 when it has long been without."""
    why = agent.readiness()["polls"] or agent.own_trouble()
    return failure(request, 503, why) if why else success(request, {"healthy": True})


@router.get("/-/healthy", **public(), **answers(Success[dict[str, bool]], public=True))
async def health(request: Request, agent: Agent) -> Response:
    """Say whether the agent polls as it should; 503 when it does not."""
    why = agent.readiness()["polls"]
    return failure(request, 503, why) if why else success(request, {"healthy": True})


@router.get("/-/ready", **public(), **answers(Success[dict[str, bool]], public=True))
async def ready(request: Request, agent: Agent) -> Response:
    """Say whether the agent can do its work: store usable, polls on time, sources read; 503 when not."""
    wants = [f"{part}: {why}" for part, why in agent.readiness().items() if why]
    return failure(request, 503, "; ".join(wants)) if wants else success(request, {"ready": True})


_METRICS_EXAMPLE = (
    "# HELP opsmend_series Series that are watched\n# TYPE opsmend_series gauge\nopsmend_series 1234.0\n"
)
_METRICS: dict[str, Any] = {
    "response_class": PlainTextResponse,
    "responses": {
        200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _METRICS_EXAMPLE}}}
    },
}


@router.get("/metrics", **public(), **_METRICS)
def metrics() -> Response:
    """Return the agent's own metrics in Prometheus' text format."""
    return Response(exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
