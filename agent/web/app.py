"""The parts of the agent in, the HTTP application out: routes, gate, bounds, errors in the envelope."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from agent import __version__
from agent.config.api import ApiSection
from agent.errors import AnswerError, ConflictError, NotFoundError, OpsmendError, RefusedError, StoreError
from agent.log import Logger
from agent.web.access import Gate
from agent.web.access.callers import Callers, TrustedProxy
from agent.web.access.issued import Credentials
from agent.web.access.people import People
from agent.web.answers import failure
from agent.web.api import resources
from agent.web.kept import Kept
from agent.web.middleware import BodyBound, Frame
from agent.web.parts import Parts

log = Logger("web")

_STATUS_OF: Mapping[type[OpsmendError], int] = {
    NotFoundError: 404,
    ConflictError: 409,
    RefusedError: 403,
    AnswerError: 400,
    StoreError: 503,
}


def make_app(parts: Parts, api: ApiSection, credentials: Credentials) -> FastAPI:
    """Put the application together. Raises ConfigError when a secret of the settings cannot be read."""
    app = FastAPI(
        title="opsmend",
        version=__version__,
        summary="Finds faults in a cluster, repairs them with Ansible, and proves the repair.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.parts = parts
    app.state.credentials = credentials
    app.state.kept = Kept(parts.stores.database.stamp)
    app.state.gate = _make_gate(parts, api, credentials)
    for router in resources():
        app.include_router(router)
    app.add_middleware(BodyBound)
    app.add_middleware(Frame, secure=api.tls is not None)
    app.exception_handler(OpsmendError)(_expected)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(Exception)(_unforeseen)
    return app


def _make_gate(parts: Parts, api: ApiSection, credentials: Credentials) -> Gate:
    people = People(parts.groups_of, parts.person_of, parts.clock)
    proxy = TrustedProxy(api.proxy) if api.proxy is not None else None
    return Gate(Callers(credentials, proxy, people, parts.clock), api.limits, parts.clock)


async def _expected(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in _STATUS_OF.items() if isinstance(error, kind)), 500)
    return failure(request, status, str(error))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return failure(request, 422, f"{place}: {first['msg']}")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return failure(request, error.status_code, error.detail, error.headers)


async def _unforeseen(request: Request, error: Exception) -> Response:
    number = request.scope.get("state", {}).get("request_id", "")
    log.error("unforeseen error", error, path=request.url.path, request=number)
    said = f"something went wrong; the log has it under the request {number}"
    return failure(request, 500, said)
