"""HTTP whose whole answer, from the name's look-up to the last byte of the body, has one deadline.

The time limits of urllib3 count from byte to byte: who sends a header byte by byte, or "100 Continue" without
end, holds whoever asks for ever.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from agent.collect.lookup import Address, look_up

_ends_at: ContextVar[float] = ContextVar("deadline by the monotonic clock")


@contextmanager
def deadline(seconds: float) -> Iterator[float]:
    """Let every wait of the requests within the block end by then. Yields when that is."""
    ends_at = time.monotonic() + seconds
    token = _ends_at.set(ends_at)
    try:
        yield ends_at
    finally:
        _ends_at.reset(token)


class DeadlineAdapter(HTTPAdapter):
    """Sends requests over connections that keep to the deadline in force."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Use our own kinds of connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class _Raw(io.RawIOBase):
    """What a socket brings, each wait of it bounded by the deadline."""

    def __init__(self, connection: Any) -> None:
        self._socket = connection
        # keeps the socket open while the answer is read, as makefile does
        self._kept = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left_s())
        return int(self._socket.recv_into(buffer))

    def close(self) -> None:
        if not self.closed:
            self._kept.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Raw(sock))


class _Deadlined:
    """What both kinds of connections have in common."""

    def _new_conn(self) -> socket.socket:
        """Connect to the first address of the name that answers, each within its part of the time."""
        own: Any = self
        host, port = own._dns_host, own.port
        try:
            addresses = look_up(host, port, _left_s())
        except (OSError, UnicodeError) as error:
            raise NameResolutionError(host, own, error) from error  # type: ignore[arg-type]
        why: OSError | None = None
        for number, address in enumerate(addresses):
            try:
                return _connected(address, _left_s() / (len(addresses) - number), own.socket_options)
            except OSError as error:
                why = error
        if isinstance(why, TimeoutError):
            raise ConnectTimeoutError(own, f"{host} does not answer in time") from why
        raise NewConnectionError(own, f"Failed to establish a new connection: {why}") from why


def _connected(address: Address, seconds: float, options: Any) -> socket.socket:
    family, kind, protocol, _, place = address
    connection = socket.socket(family, kind, protocol)
    try:
        for option in options or ():
            connection.setsockopt(*option)
        connection.settimeout(seconds)
        # what was found, with the zone of a link-local address, which its text has lost
        connection.connect(place)
    except BaseException:
        connection.close()
        raise
    return connection


class _Connection(_Deadlined, HTTPConnection):
    response_class = _Response


class _TlsConnection(_Deadlined, HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def _left_s() -> float:
    left = _ends_at.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left
