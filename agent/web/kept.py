"""Answers that are made of the store, kept until it changes: many may ask at once, one is made."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from anyio.to_thread import run_sync

Value = TypeVar("Value")
_MOST = 200


class Kept(Generic[Value]):
    """What was made by key, as long as ``stamp`` stays what it was. Servers may share it."""

    def __init__(self, stamp: Callable[[], int]) -> None:
        self._stamp = stamp
        self._lock = threading.Lock()
        self._made: OrderedDict[str, tuple[int, Future[Value]]] = OrderedDict()

    async def get(self, key: str, make: Callable[[], Value]) -> Value:
        """Return what was made for a key, or make it in a thread. Raises what ``make`` raises."""
        stamp = self._stamp()
        with self._lock:
            known = self._made.get(key)
            mine = known is None or known[0] != stamp
            future: Future[Value] = Future() if known is None or mine else known[1]
            if mine:
                self._keep(key, stamp, future)
        if not mine:
            return future.result() if future.done() else await asyncio.wrap_future(future)
        try:
            future.set_result(await run_sync(make))
        except BaseException as error:
            with self._lock:
                self._made.pop(key, None)
            future.set_exception(error)
            raise
        return future.result()

    def _keep(self, key: str, stamp: int, future: Future[Value]) -> None:
        self._made[key] = (stamp, future)
        self._made.move_to_end(key)
        while len(self._made) > _MOST:
            self._made.popitem(last=False)
