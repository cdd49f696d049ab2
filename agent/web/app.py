"""The parts of the agent in, the HTTP application out: routes, gate, bounds, errors in the envelope."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from agent import __version__
from agent.config.api import ApiSection
from agent.errors import (
    AnswerError,
    ConflictError,
    ModelError,
    NotFoundError,
    OpsmendError,
    RefusedError,
    StoreError,
)
from agent.log import Logger
from agent.web.access import Gate
from agent.web.access.callers import Callers, TrustedProxy
from agent.web.access.issued import Credentials
from agent.web.access.people import People
from agent.web.answers import failure
from agent.web.api import alerts, resources
from agent.web.connections import most_open
from agent.web.kept import Kept
from agent.web.live import Streams
from agent.web.middleware import BodyBound, Frame
from agent.web.pages import pages
from agent.web.pages.render import page
from agent.web.parts import Parts

log = Logger("web")

_STATUS_OF: Mapping[type[OpsmendError], int] = {
    NotFoundError: 404,
    ConflictError: 409,
    ModelError: 409,
    RefusedError: 403,
    AnswerError: 400,
    StoreError: 503,
}
_LONGEST_PART = 80  # of a place in a body: keys may be of any length
_HEADINGS = {
    401: "Who are you?",
    403: "That is not allowed",
    404: "There is nothing here",
    429: "Too often",
    503: "opsmend cannot read its store",
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
    app.state.people = People(parts.groups_of, parts.person_of, parts.clock)
    app.state.gate = _make_gate(parts, api, credentials, app.state.people)
    app.state.streams = Streams(parts.stores.feed, parts.stores.database.stamp, app.state.gate.still_admits)
    app.state.api = api
    app.state.secure = api.tls is not None or (api.public_url or "").startswith("https://")
    for router in (*resources(), *pages(), alerts.router):
        app.include_router(router)
    app.add_middleware(BodyBound)
    app.add_middleware(Frame, secure=app.state.secure)
    app.exception_handler(OpsmendError)(_expected)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(Exception)(_unforeseen)
    return app


def _make_gate(parts: Parts, api: ApiSection, credentials: Credentials, people: People) -> Gate:
    proxy = TrustedProxy(api.proxy) if api.proxy is not None else None
    callers = Callers(credentials, proxy, people, parts.clock)
    return Gate(callers, api.limits, parts.clock, most_held=most_open() * 7 // 8)


async def _expected(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in _STATUS_OF.items() if isinstance(error, kind)), 500)
    return _told(request, status, str(error))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part)[:_LONGEST_PART] for part in first["loc"])
    # what is no JSON says more in its context than in its message
    why = str(first.get("ctx", {}).get("error", ""))
    more = f": {why}" if why and why not in first["msg"] else ""
    return _told(request, 422, f"{place}: {first['msg'].removeprefix('Value error, ')}{more}")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 401 and request.method == "GET" and _is_person(request):
        target = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        return RedirectResponse(f"/sign-in?{urlencode({'next': target})}", 303)
    return _told(request, error.status_code, error.detail, error.headers)


async def _unforeseen(request: Request, error: Exception) -> Response:
    number = request.scope.get("state", {}).get("request_id", "")
    log.error("unforeseen error", error, path=request.url.path, request=number)
    return _told(request, 500, f"something went wrong; the log has it under the request {number}")


def _told(request: Request, status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as a program expects it, or as a page where a person looks."""
    if not _is_person(request):
        return failure(request, status, message, headers)
    heading = _HEADINGS.get(status, "That did not work")
    answer = page(request, "error.html", status, heading=heading, said=message)
    answer.headers.update(headers or {})
    return answer


def _is_person(request: Request) -> bool:
    is_page = not request.url.path.startswith(("/api/", "/-/", "/openapi", "/metrics"))
    return is_page and "text/html" in request.headers.get("accept", "")
