"""Where joblib's work is done: in processes here, which end with this one, or on a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from agent.endwith import end_with

_CONNECT_WITHIN_S = 10.0


GRACE_S = 60.0
"""After the end of a search, for which a cluster is waited for: it may have lost its workers."""


@contextmanager
def on_this_machine(jobs: int) -> Iterator[None]:
    """Have work done in processes of this machine; with ``jobs`` 1 in this process."""
    from joblib import parallel_config
    from joblib.externals.loky import get_reusable_executor

    with parallel_config("loky", initializer=end_with, initargs=(os.getpid(),)):
        yield
    if jobs != 1:
        get_reusable_executor().shutdown(wait=True)  # else its processes wait for more, with their memory


@contextmanager
def on_dask(scheduler: str) -> Iterator[None]:
    """Have work done by the workers of a Dask scheduler.

    Raises whatever keeps it from that: ImportError without the extra, OSError where nobody answers.
    """
    from distributed import Client
    from joblib import parallel_config

    with (
        Client(scheduler, timeout=_CONNECT_WITHIN_S, set_as_default=False) as client,
        parallel_config("dask", client=client, wait_for_workers_timeout=_CONNECT_WITHIN_S),
    ):
        yield
