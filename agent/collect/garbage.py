"""Parsing without the cyclic garbage collector looking on.

An answer of 50,000 series makes 150,000 small objects, none of which can be part of a cycle. Each few
hundred of them make CPython look for cycles among the objects alive, which takes four times as long as the
parsing itself.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0


@contextmanager
def paused_collection() -> Iterator[None]:
    """Pause the collector until the last of those who asked for it, in any thread, has ended."""
    global _pauses  # the collector is one for the whole process, too
    with _lock:
        _pauses += 1
        if _pauses == 1:
            gc.disable()
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0:
                gc.enable()
