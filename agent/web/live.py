"""News as server-sent events: the store is watched once for all who look on, and asked when it changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import orjson
from anyio.to_thread import run_sync
from fastapi import HTTPException, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from agent.errors import StoreError
from agent.records.plain import to_plain
from agent.store.feed import Feed, Happening, Position

_LOOK_EVERY_S = 0.3
_ALIVE_EVERY_S = 15.0  # a line that says nothing, so that proxies keep the connection
_MOST_STREAMS = 60
_MOST_AT_ONCE = 50  # read for one who may never take them
_MOST_OF_ONE = 12  # nobody keeps the others from looking on
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Streams:
    """Opens streams of news; at most so many at once, and none while the agent stops.

    ``still_admits`` says whether whoever looks on may still: a stream ends with the right to it.
    """

    def __init__(
        self, feed: Feed, stamp: Callable[[], int], still_admits: Callable[[Request], Awaitable[bool]]
    ) -> None:
        self._feed = feed
        self._stamp = stamp
        self._still_admits = still_admits
        self._open: Counter[str] = Counter()
        self._ended = False

    def end(self) -> None:
        """End every stream, so that the server can stop."""
        self._ended = True

    async def open(
        self, request: Request, incident_id: int | None = None, run_id: int | None = None
    ) -> StreamingResponse:
        """Return a stream from ``Last-Event-ID`` on, or from now. Raises HTTPException 429."""
        key = request.state.caller.key
        if self._open.total() >= _MOST_STREAMS or self._open[key] >= _MOST_OF_ONE:
            raise HTTPException(429, "too many look on already", {"Retry-After": "10"})
        self._open[key] += 1
        try:
            last = Position.parse(request.headers.get("last-event-id", ""))
            begin = last if last is not None else await run_sync(self._feed.end)
        except BaseException:
            self._close(key)
            raise
        return _Stream(self._follow(request, begin, incident_id, run_id), partial(self._close, key))

    def _close(self, key: str) -> None:
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]

    async def _follow(
        self, request: Request, position: Position, incident_id: int | None, run_id: int | None
    ) -> AsyncIterator[bytes]:
        silent_s, stamp = 0.0, -1
        try:
            yield f"retry: 2000\nid: {position}\nevent: open\ndata: {{}}\n\n".encode()
            while not self._ended and not await request.is_disconnected():
                now = self._stamp()
                found: list[Happening] = []
                if now != stamp:
                    if not await self._still_admits(request):
                        return
                    read = partial(self._feed.since, position, incident_id, run_id, _MOST_AT_ONCE)
                    found, position = await run_sync(read)
                    stamp = now if len(found) < _MOST_AT_ONCE else -1  # there is more to read
                for one in found:
                    yield _event(one)
                silent_s = 0.0 if found else silent_s + _LOOK_EVERY_S
                if silent_s >= _ALIVE_EVERY_S:
                    if not await self._still_admits(request):
                        return
                    silent_s = 0.0
                    yield b": alive\n\n"
                await asyncio.sleep(_LOOK_EVERY_S)
        except StoreError:
            return  # the client comes again by itself, and is told then what is wrong


class _Stream(StreamingResponse):
    """A stream that gives its place back however it ends, also before its first line."""

    def __init__(self, lines: AsyncIterator[bytes], close: Callable[[], None]) -> None:
        super().__init__(lines, media_type="text/event-stream", headers=_HEADERS)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()


def _event(one: Happening) -> bytes:
    data = orjson.dumps(one.data, default=to_plain, option=orjson.OPT_UTC_Z)
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (str(one.position).encode(), one.kind.encode(), data)
