"""News as server-sent events: the store is watched once for all who look on, and asked when it changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson
from anyio.to_thread import run_sync
from fastapi import HTTPException, Request
from fastapi.responses import StreamingResponse

from agent.errors import StoreError
from agent.records.plain import to_plain
from agent.store.feed import Feed, Happening, Position

_LOOK_EVERY_S = 0.3
_ALIVE_EVERY_S = 15.0  # a line that says nothing, so that proxies keep the connection
_MOST_STREAMS = 60
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Streams:
    """Opens streams of news; at most so many at once, and none while the agent stops."""

    def __init__(self, feed: Feed, stamp: Callable[[], int]) -> None:
        self._feed = feed
        self._stamp = stamp
        self._open = 0
        self._ended = False

    def end(self) -> None:
        """End every stream, so that the server can stop."""
        self._ended = True

    async def open(
        self, request: Request, incident_id: int | None = None, run_id: int | None = None
    ) -> StreamingResponse:
        """Return a stream from ``Last-Event-ID`` on, or from now. Raises HTTPException 429."""
        if self._open >= _MOST_STREAMS:
            raise HTTPException(429, "too many look on already", {"Retry-After": "10"})
        last = Position.parse(request.headers.get("last-event-id", ""))
        begin = last if last is not None else await run_sync(self._feed.end)
        lines = self._follow(request, begin, incident_id, run_id)
        return StreamingResponse(lines, media_type="text/event-stream", headers=_HEADERS)

    async def _follow(
        self, request: Request, position: Position, incident_id: int | None, run_id: int | None
    ) -> AsyncIterator[bytes]:
        self._open += 1
        silent_s, stamp = 0.0, -1
        try:
            yield f"retry: 2000\nid: {position}\nevent: open\ndata: {{}}\n\n".encode()
            while not self._ended and not await request.is_disconnected():
                now = self._stamp()
                found: list[Happening] = []
                if now != stamp:
                    stamp = now
                    found, position = await run_sync(self._feed.since, position, incident_id, run_id)
                for one in found:
                    yield _event(one)
                silent_s = 0.0 if found else silent_s + _LOOK_EVERY_S
                if silent_s >= _ALIVE_EVERY_S:
                    silent_s = 0.0
                    yield b": alive\n\n"
                await asyncio.sleep(_LOOK_EVERY_S)
        except StoreError:
            return  # the client comes again by itself, and is told then what is wrong
        finally:
            self._open -= 1


def _event(one: Happening) -> bytes:
    data = orjson.dumps(one.data, default=to_plain, option=orjson.OPT_UTC_Z)
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (str(one.position).encode(), one.kind.encode(), data)
