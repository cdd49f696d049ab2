"""The parts of the agent in, the HTTP application out: routes, bounds, and errors as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from agent import __version__
from agent.errors import AnswerError, ConflictError, NotFoundError, OpsmendError, RefusedError, StoreError
from agent.web.api import anywhere, router
from agent.web.parts import Parts, answer

LARGEST_BODY = 5 * 1024 * 1024
_STATUS_OF: Mapping[type[OpsmendError], int] = {
    NotFoundError: 404,
    ConflictError: 409,
    RefusedError: 403,
    AnswerError: 400,
    StoreError: 503,
}


def make_app(parts: Parts) -> FastAPI:
    """Put the application together."""
    app = FastAPI(title="opsmend", version=__version__, docs_url=None, redoc_url=None)
    app.state.parts = parts
    app.include_router(router)
    app.include_router(anywhere)  # what comes after it is never asked
    app.middleware("http")(_bound_body)
    app.exception_handler(OpsmendError)(_expected)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_refused)
    return app


async def _bound_body(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > LARGEST_BODY or "transfer-encoding" in request.headers:
        return answer({"error": f"a body needs a length of at most {LARGEST_BODY} bytes"}, 413)
    response = await call_next(request)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def _expected(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in _STATUS_OF.items() if isinstance(error, kind)), 500)
    return answer({"error": str(error)}, status)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return answer({"error": f"{place}: {first['msg']}"}, 422)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer({"error": error.detail}, error.status_code, error.headers)
