"""An address or a path in, a listening socket out, and whoever is at the other end of a local one."""

from __future__ import annotations

import os
import socket
from asyncio import BaseTransport, Transport
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.errors import OpsmendError
from agent.localsocket import peer_of, short_address

# also how many asyncio accepts at once, before any of them can take a place or make room: with more a burst
# would take the descriptors that sources and runs need
BACKLOG = 64


def listen_on_port(listen: str) -> socket.socket:
    """Return a socket that listens on ``address:port``. Raises OpsmendError when that cannot be used."""
    host, _, port = listen.rpartition(":")
    try:
        listener = socket.create_server(
            (host.strip("[]"), int(port)),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=BACKLOG,
        )
        # head and body of an answer are two segments: without this the second waits 40 ms for the client's
        # delayed acknowledgement of the first; connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise OpsmendError(f"api.listen: {listen} cannot be used; is another agent there? ({why})") from error


def listen_on_path(path: Path) -> socket.socket:
    """Return a socket for members of the agent's group. Raises OpsmendError when it cannot be made.

    What an agent that was killed left behind is replaced; whoever calls makes sure that none is at work.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # systemd's, or of another user who has decided it
            path.parent.chmod(0o750)
        path.unlink(missing_ok=True)
        with short_address(path) as address:
            listener.bind(address)
        path.chmod(0o660)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OpsmendError(f"{path} cannot be used: {error.strerror or error}") from error
    return listener


class PeerProtocol(H11Protocol):
    """HTTP that tells the application who is at the other end of a local socket.

    ``scope["peer"]`` is ``(uid, pid)``, by the kernel and as of when the connection was made; it is absent
    where the other end is on the network.
    """

    def connection_made(self, transport: BaseTransport) -> None:
        """Note who connected."""
        super().connection_made(cast(Transport, transport))
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family == socket.AF_UNIX:
            with suppress(OSError):
                self.app = _with_peer(self.app, peer_of(connection))


def _with_peer(app: Any, peer: tuple[int, int]) -> Any:
    async def called(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "peer": peer}, receive, send)

    return called
