"""A connection to the port: how long a request may take to arrive, and who makes room for others."""

from __future__ import annotations

import asyncio
import resource
from asyncio import BaseTransport
from typing import Literal

from agent.log import Logger
from agent.web.listeners import PeerProtocol

log = Logger("web")

MOST_OPEN = 256  # on one socket; each costs a file descriptor
_SHARE = 4  # of all descriptors, one in so many at most: sources and runs need theirs
HEADER_S = 10.0  # from the first byte, or from the connection where none comes
BODY_S = 30.0
_QUEUE = 16  # closed at once when there is no room: whoever floods us comes back

Phase = Literal["new", "header", "body", "work", "idle"]


class BoundedProtocol(PeerProtocol):
    """HTTP that waits for nobody for long.

    A request has a deadline for its header and one for its body, whatever drips in meanwhile. When all places
    are taken, those who have asked for nothing yet make room, the oldest first, then those who are silent
    between two requests: health, approvals and alerts find room beside any number of silent ones.
    """

    _phase: Phase = "new"
    _since = 0.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Take a place, or have somebody make room."""
        super().connection_made(transport)
        self._enter("new")
        if len(_open(self)) > most_open():
            _make_room(self)

    def data_received(self, data: bytes) -> None:
        """Take what arrives, and look how far the request is."""
        if self._phase in ("new", "idle"):
            self._enter("header")
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._clear()
        super().connection_lost(exc)

    def waits_since(self) -> tuple[bool, float]:
        """Return how ready this connection is to go: idle ones after those that never asked; oldest first."""
        return self._phase == "idle", self._since

    @property
    def is_at_work(self) -> bool:
        """Return whether a request has arrived as a whole and is being answered."""
        return self._phase == "work"

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._enter("body" if cycle.more_body else "work")
        else:
            self._enter("header" if self.conn.trailing_data[0] else "idle")

    def _enter(self, phase: Phase) -> None:
        if phase == self._phase and self._deadline is not None:
            return  # what drips in does not put a deadline off
        self._clear()
        self._phase, self._since = phase, self.loop.time()
        limit_s = {"new": HEADER_S, "header": HEADER_S, "body": BODY_S}.get(phase)
        if limit_s is not None:
            self._deadline = self.loop.call_later(limit_s, self.transport.abort)

    def _clear(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def most_open() -> int:
    """Return how many connections may be open on one socket."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_OPEN if descriptors <= 0 else max(_QUEUE, min(MOST_OPEN, descriptors // _SHARE))


def _open(one: BoundedProtocol) -> list[BoundedProtocol]:
    """Return the connections of a socket that nobody has told to go yet."""
    found = (other for other in one.connections if isinstance(other, BoundedProtocol))
    return [other for other in found if not other.transport.is_closing()]


def _make_room(newest: BoundedProtocol) -> None:
    """Close connections that have waited longest; those at work stay, and the newest goes if all are."""
    others = [one for one in _open(newest) if one is not newest and not one.is_at_work]
    waiting = sorted(others, key=BoundedProtocol.waits_since)[:_QUEUE]
    log.debug("connections make room", open=len(newest.connections), closed=len(waiting) or 1)
    for one in waiting or [newest]:
        one.transport.abort()
