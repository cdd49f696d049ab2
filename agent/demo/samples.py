"""What queries of a test site's Prometheus must reach in, a site that is seen as a whole out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from agent.collect import PrometheusSource
from agent.errors import RunError, SourceError

_TIMEOUT = timedelta(seconds=5)


def wait_for_samples(
    url: str, wanted: Mapping[str, float], within_s: float, tell: Callable[[str], None] = lambda missing: None
) -> None:
    """Wait until each query adds up to what is wanted of it, and tell what is missing meanwhile.

    Raises RunError when that takes too long.
    """
    source = PrometheusSource(url, _TIMEOUT)
    deadline = time.monotonic() + within_s
    try:
        while missing := _missing(source, wanted):
            if time.monotonic() > deadline:
                raise RunError(f"the healthy site is not seen as healthy: {missing}")
            tell(f"waiting for Prometheus: {missing}")
            time.sleep(0.2)
    finally:
        source.close()


def _missing(source: PrometheusSource, wanted: Mapping[str, float]) -> str:
    try:
        seen = {query: sum(source.query(query).values) for query in wanted}
    except SourceError as error:
        return str(error)
    return ", ".join(f"{query} is {seen[query]:g}" for query in wanted if not seen[query] >= wanted[query])
