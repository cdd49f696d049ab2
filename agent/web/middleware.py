"""What is done with every request: a number, bounds for its body, a count, headers for safety."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.log import Logger
from agent.metrics import HTTP_REQUESTS, HTTP_SECONDS
from agent.web.answers import failure

log = Logger("web")

LARGEST_BODY = 5 * 1024 * 1024
REQUEST_ID = "X-Request-ID"
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": _CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Frame:
    """Gives each request a number, counts it, and puts the headers on its answer."""

    def __init__(self, app: ASGIApp, secure: bool, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._secure = secure
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = _number(Headers(scope=scope))
        began, status = self._clock(), 500

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                self._complete(headers, number)
            await send(message)

        scope.setdefault("state", {})["request_id"] = number
        try:
            await self._app(scope, receive, send_framed)
        finally:
            self._count(scope, status, self._clock() - began, number)

    def _complete(self, headers: MutableHeaders, number: str) -> None:
        headers[REQUEST_ID] = number
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        if self._secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")

    def _count(self, scope: Scope, status: int, seconds: float, number: str) -> None:
        route = getattr(scope.get("route"), "path", "none")
        HTTP_REQUESTS.labels(scope["method"] if route != "none" else "any", route, str(status)).inc()
        HTTP_SECONDS.labels(route).observe(seconds)
        if status >= 500:
            log.warning("request failed", route=route, status=status, request=number)


class BodyBound:
    """Refuses a body without a length or with too great a one, before any of it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request through, or refuse it."""
        if scope["type"] == "http" and _is_too_large(Headers(scope=scope)):
            # what is on its way is not read, so the connection cannot be used again
            said = f"a body needs a length of at most {LARGEST_BODY} bytes"
            answer = failure(Request(scope), 413, said, {"Connection": "close"})
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_too_large(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    digits = length.isascii() and length.isdigit() and len(length) < 20
    return not digits or int(length) > LARGEST_BODY or "transfer-encoding" in headers


def _number(headers: Headers) -> str:
    """Return the number that a client has given its request, where it is one; else a new one."""
    given = headers.get(REQUEST_ID, "")
    return given if _REQUEST_ID.match(given) else secrets.token_hex(8)
