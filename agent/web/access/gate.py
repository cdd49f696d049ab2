"""A request and the scope that its route needs in, who asks out, or the refusal; before its body is read."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import threading

from starlette.exceptions import HTTPException
from starlette.requests import Request

from agent.clock import Clock
from agent.config.api import LimitsSection
from agent.metrics import HTTP_REFUSED
from agent.records.tokens import Scope, Token
from agent.web.access.callers import Caller, Callers, WrongCredentials
from agent.web.access.limits import RateLimit

CSRF_HEADER = "X-CSRF-Token"
_HELD_MS = 1000  # the least Retry-After, give or take half: together they would come back together
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """Lets requests in.

    Who asks too often is told so after a moment: a crowd that does not heed it waits for its answers, and
    not others for theirs. At most ``most_held`` wait so at once, so that there is room for others.
    """

    def __init__(self, callers: Callers, limits: LimitsSection, clock: Clock, most_held: int) -> None:
        self._places = threading.Semaphore(most_held)
        self._callers = callers
        self._by_caller = RateLimit(limits.per_caller, clock.monotonic)
        self._by_address = RateLimit(limits.per_address, clock.monotonic)
        self._failures = RateLimit(limits.failures / 60, clock.monotonic, burst=limits.failures)
        self._csrf_key = secrets.token_bytes(32)

    async def admit(self, request: Request, needed: Scope) -> Caller:
        """Return who asks. Raises HTTPException: 401 nobody known, 403 not so far, 429 too often."""
        caller = await self.recognise(request)
        if caller is None:
            raise _refusal(401, "unknown", "a token is needed: Authorization: Bearer …")
        if not caller.scope.reaches(needed):
            said = f"this needs the scope {needed.value}, the credential has {caller.scope.value}"
            raise _refusal(403, "scope", said)
        if caller.secret is not None and request.method not in _SAFE:
            self._check_origin(request)
            if request.url.path.startswith("/api/"):
                self.check_csrf(caller, request.headers.get(CSRF_HEADER, ""))
        return caller

    async def still_admits(self, request: Request) -> bool:
        """Return whether who was let in would be let in now: for answers that take long."""
        admitted: Caller = request.state.caller
        try:
            caller = await self._callers.recognise(request)
        except WrongCredentials:
            return False
        return caller is not None and caller.key == admitted.key and caller.scope.reaches(admitted.scope)

    async def check_still(self, request: Request) -> None:
        """Raise HTTPException 401 when whoever waits would not be let in any more."""
        if not await self.still_admits(request):
            raise _refusal(401, "wrong", "the credential ended while the answer was waited for")

    async def recognise(self, request: Request) -> Caller | None:
        """Return who asks, or None where nothing says it. Raises HTTPException 401 and 429."""
        address = self._callers.address(request)
        if address is not None:
            await self._count(self._by_address, address)
            await self._check_failures(address)
        try:
            caller = await self._callers.recognise(request)
        except WrongCredentials:
            self._failures.take(address or "socket")
            raise _refusal(401, "wrong", "that opens nothing here") from None
        if caller is not None:
            await self._count(self._by_caller, caller.key)
        return caller

    async def check_failures(self, request: Request) -> None:
        """Raise HTTPException 429 where too much was tried that opened nothing."""
        address = self._callers.address(request)
        if address is not None:
            await self._check_failures(address)

    def count_failure(self, request: Request) -> None:
        """Note that something was tried that opened nothing."""
        HTTP_REFUSED.labels("wrong").inc()
        self._failures.take(self._callers.address(request) or "socket")

    async def check_token(self, request: Request, text: str) -> Token | None:
        """Return the token that somebody signs in with, or None. Raises HTTPException 429."""
        await self.check_failures(request)
        token = self._callers.token(text)
        if token is None:
            self.count_failure(request)
        return token

    def csrf_token(self, caller: Caller) -> str:
        """Return what a form of ours must send along, so that no other site's form is taken for it."""
        return hmac.new(self._csrf_key, (caller.secret or "").encode(), hashlib.sha256).hexdigest()

    def check_csrf(self, caller: Caller, given: str) -> None:
        """Raise HTTPException 403 unless a request that a browser signed by itself came from our page."""
        if caller.secret is not None and not hmac.compare_digest(
            self.csrf_token(caller).encode(), given.encode("utf-8", "replace")
        ):
            raise _refusal(
                403, "csrf", "this did not come from a page of ours that is open now; open it anew"
            )

    def _check_origin(self, request: Request) -> None:
        site = request.headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none"):
            raise _refusal(403, "csrf", "this came from a page of another site")

    async def _check_failures(self, address: str) -> None:
        if wait := self._failures.wait_s(address):
            await self._hold()
            raise _too_many(wait)

    async def _count(self, limit: RateLimit, key: str) -> None:
        if wait := limit.take(key):
            await self._hold()
            raise _too_many(wait)

    async def _hold(self) -> None:
        """Let a moment pass, where there is room to wait."""
        if self._places.acquire(blocking=False):
            try:
                await asyncio.sleep((_HELD_MS / 2 + secrets.randbelow(_HELD_MS)) / 1000)
            finally:
                self._places.release()


def _too_many(wait_s: int) -> HTTPException:
    return _refusal(
        429, "limit", f"too many requests; come again in {wait_s} s", {"Retry-After": str(wait_s)}
    )


def _refusal(status: int, why: str, said: str, headers: dict[str, str] | None = None) -> HTTPException:
    HTTP_REFUSED.labels(why).inc()
    more = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return HTTPException(status, said, {**more, **(headers or {})})
