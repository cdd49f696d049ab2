"""A host's name in, its addresses out, within a time that getaddrinfo knows nothing of."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from typing import Any, cast

Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]

_lock = threading.Lock()
_under_way: dict[tuple[str, int], Future[list[Address]]] = {}


def look_up(host: str, port: int, seconds: float) -> list[Address]:
    """Return the addresses of a host, each once, as getaddrinfo has them.

    A look-up cannot be broken off: it goes on in a thread of its own, one for each name however many ask, and
    who asks again waits for that one. Raises TimeoutError, OSError, UnicodeError.
    """
    key = host, port
    with _lock:
        found = _under_way.get(key)
        if found is None:
            found = _under_way[key] = Future()
            threading.Thread(target=_ask, args=(key, found), name="look-up", daemon=True).start()
    try:
        return found.result(seconds)
    except TimeoutError:
        if found.done():  # the resolver's own
            raise
        raise TimeoutError(f"the name {host} was not resolved in time") from None


def _ask(key: tuple[str, int], found: Future[list[Address]]) -> None:
    try:
        found_now = socket.getaddrinfo(*key, type=socket.SOCK_STREAM)
        addresses = cast("list[Address]", list(dict.fromkeys(found_now)))
    except BaseException as error:
        _forget(key)
        found.set_exception(error)
    else:
        _forget(key)
        found.set_result(addresses)


def _forget(key: tuple[str, int]) -> None:
    with _lock:
        del _under_way[key]
