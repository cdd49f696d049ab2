"""The route that asks at the gate first: every route says which scope it needs, or that it is for all."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from agent.records.tokens import Scope
from agent.web.access.strict import StrictRequest

_KEY = "x-scope"
_PUBLIC = "public"


def needs(scope: Scope) -> dict[str, Any]:
    """Return the arguments of a route for callers of a scope: ``@router.get(…, **needs(LOOK))``."""
    return {"openapi_extra": {_KEY: scope.value, "security": [{"bearer": []}, {"basic": []}]}}


def public() -> dict[str, Any]:
    """Return the arguments of a route that everybody reaches."""
    return {"openapi_extra": {_KEY: _PUBLIC, "security": []}}


class GuardedRoute(APIRoute):
    """Admits the caller before the body is read, as ``request.state.caller``.

    One that does not say whom it is for cannot be made: ValueError.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, behind the gate."""
        handle = super().get_route_handler()
        wanted = (self.openapi_extra or {}).get(_KEY)
        if wanted is None:
            raise ValueError(f"the route {self.path} does not say which scope it needs")
        if wanted == _PUBLIC:
            return handle
        needed = Scope(wanted)

        async def guarded(request: Request) -> Response:
            request.state.caller = await request.app.state.gate.admit(request, needed)
            return await handle(StrictRequest(request.scope, request.receive))

        return guarded
