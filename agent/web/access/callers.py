"""What a request carries in, who asks out: by token, session, reverse proxy, or the user of the socket."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from agent.clock import Clock
from agent.config.api import ProxySection
from agent.errors import ConfigError, Problem
from agent.records.tokens import Scope, Token
from agent.response import Person
from agent.web.access.issued import Credentials
from agent.web.access.people import People

COOKIE = "opsmend"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, how far they reach, and how that is known.

    ``key`` is what limits are counted by. ``secret`` is what a browser sends by itself, from which the proof
    is made that a form came from our own page; None where nothing is sent unasked.
    """

    person: Person
    scope: Scope
    via: Literal["token", "session", "proxy", "socket", "link"]
    key: str
    secret: str | None = None


class WrongCredentials(Exception):
    """Something was shown, and it opens nothing."""


class Callers:
    """Recognises who asks."""

    def __init__(
        self, credentials: Credentials, proxy: TrustedProxy | None, people: People, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._proxy = proxy
        self._people = people
        self._clock = clock

    async def recognise(self, request: Request) -> Caller | None:
        """Return who asks, or None where nothing says it. Raises WrongCredentials, StoreUnavailable."""
        authorization = request.headers.get("authorization")
        if authorization is not None:
            return await self._by_token(authorization)
        peer: tuple[int, int] | None = request.scope.get("peer")
        if peer is not None:
            person = await self._people.at_the_socket(*peer)
            return Caller(person=person, scope=Scope.ADMIN, via="socket", key=f"uid {peer[0]}")
        if self._proxy is not None and (name := self._proxy.user(request)) is not None:
            person = await self._people.named(name)
            return Caller(person=person, scope=Scope.ADMIN, via="proxy", key=f"person {name}", secret=name)
        cookie = request.cookies.get(COOKIE)
        return await self._by_session(cookie) if cookie else None

    def token(self, text: str) -> Token | None:
        """Return the token that a text is, if it opens anything."""
        return self._credentials.find(text, self._clock.now()) if text else None

    def address(self, request: Request) -> str | None:
        """Return where a request comes from, None for the socket: through the proxy, what it says it saw."""
        if request.client is None or request.scope.get("peer") is not None:
            return None
        seen = request.client.host
        if self._proxy is not None and self._proxy.is_trusted(seen):
            return self._proxy.client(request) or seen
        return seen

    async def _by_token(self, authorization: str) -> Caller:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "basic":
            text = _password(text)
        elif scheme.lower() != "bearer":
            raise WrongCredentials
        token = self.token(text.strip())
        if token is None:
            raise WrongCredentials
        return await self._with(token, "token")

    async def _by_session(self, cookie: str) -> Caller | None:
        found = self._credentials.session(cookie, self._clock.now())
        # one that ended says nothing: whoever comes with it may sign in anew
        return await self._with(found[1], "session", cookie) if found else None

    async def _with(
        self, token: Token, via: Literal["token", "session"], secret: str | None = None
    ) -> Caller:
        person = await self._people.named(token.person, token.role)
        key = f"token {token.id}"
        return Caller(person=person, scope=token.scope, via=via, key=key, secret=secret)


class TrustedProxy:
    """A reverse proxy whose word on who somebody is counts."""

    def __init__(self, section: ProxySection) -> None:
        self._networks = [ipaddress.ip_network(text, strict=False) for text in section.addresses]
        self._user_header = section.user_header
        self._secret_header = section.secret_header
        self._secret = _read_secret(section)

    def user(self, request: Request) -> str | None:
        """Return the person whom the proxy names; None where it is not the proxy, or it names nobody.

        Raises WrongCredentials when it names more than one, or something that is no name.
        """
        seen = request.client.host if request.client else ""
        if not self.is_trusted(seen) or not self._knows_the_secret(request.headers):
            return None
        named = request.headers.getlist(self._user_header)
        if not named or named == [""]:
            return None
        if len(named) > 1 or not _NAME.match(named[0]):
            raise WrongCredentials
        return named[0]

    def is_trusted(self, address: str) -> bool:
        """Return whether an address is one of the proxy's."""
        try:
            place = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(place in network for network in self._networks)

    def client(self, request: Request) -> str | None:
        """Return the last address of X-Forwarded-For, the one that the proxy itself has seen."""
        last = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        try:
            return str(ipaddress.ip_address(last))
        except ValueError:
            return None

    def _knows_the_secret(self, headers: Mapping[str, str]) -> bool:
        if self._secret is None:
            return True
        return hmac.compare_digest(headers.get(self._secret_header, "").encode(), self._secret)


def _read_secret(section: ProxySection) -> bytes | None:
    if section.secret_file is None:
        return None
    try:
        secret = section.secret_file.read_bytes().strip()
    except OSError as error:
        raise ConfigError([Problem(section.secret_file, f"cannot be read: {error.strerror}")]) from error
    if len(secret) < 16:
        hint = "openssl rand -hex 24 makes one"
        raise ConfigError([Problem(section.secret_file, "needs at least 16 characters", hint=hint)])
    return secret


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
