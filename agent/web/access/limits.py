"""How often somebody may ask: a bucket of permits for each, filled at a steady rate."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

_MOST_KEYS = 10_000
_BURST_S = 4.0  # a bucket holds what comes in so long: a page asks for several things at once


class RateLimit:
    """Token buckets by key. Used from any thread.

    What is known of the keys is bounded: the one that was silent longest is forgotten, and its bucket was
    full again long before.
    """

    def __init__(self, per_second: float, clock: Callable[[], float], burst: float | None = None) -> None:
        self._rate = per_second
        self._most = max(burst if burst is not None else per_second * _BURST_S, 1.0)
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> int:
        """Take a permit; return 0, or after how many seconds there will be one."""
        with self._lock:
            left, wait = self._left(key)
            self._keep(key, left if left < 1.0 else left - 1.0)
        return wait if left < 1.0 else 0

    def wait_s(self, key: str) -> int:
        """Return after how many seconds there will be a permit, 0 where there is one; take none."""
        with self._lock:
            left, wait = self._left(key)
        return wait if left < 1.0 else 0

    def _left(self, key: str) -> tuple[float, int]:
        now = self._clock()
        left, at = self._buckets.get(key, (self._most, now))
        left = min(self._most, left + max(0.0, now - at) * self._rate)
        return left, max(1, math.ceil((1.0 - left) / self._rate))

    def _keep(self, key: str, left: float) -> None:
        self._buckets[key] = (left, self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
