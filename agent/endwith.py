"""A process in, its end when the one that started it is gone: also one that is busy, or waits for work.

A pool's processes wait for more work on a pipe whose other end they hold themselves, so they never hear that
the process they work for was killed.
"""

from __future__ import annotations

import os
import signal
import threading
import time

_LOOK_EVERY_S = 1.0


def end_with(parent: int) -> None:
    """Have this process end within seconds once ``parent``, which started it, is gone."""
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGKILL)
