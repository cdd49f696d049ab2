"""Entities polled by the detector, as the agent polls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect import Engine
from agent.records import Anomaly, Frame, Series

WIDTH = 240  # samples that a frame holds


def frame_at(
    times: np.ndarray, values: np.ndarray, series: Sequence[Series], rows: Mapping[str, np.ndarray]
) -> Frame:
    """Return a frame that ends with the newest column of ``values``."""
    at = datetime.fromtimestamp(float(times[-1]), UTC)
    return Frame(at=at, times=times, values=values, series=series, rows=rows, answered=frozenset(rows))


def polled(entities: Sequence[np.ndarray], times: np.ndarray) -> Iterator[tuple[int, Sequence[Anomaly]]]:
    """Poll entities (series x rows each), named by their number; yield each row and what is open then."""
    most = max(len(values) for values in entities)
    signals = {f"m{n}": Signal(id=f"m{n}", summary="s", query="x", role="latency") for n in range(most)}
    series = [
        Series(f"m{part}", str(number), {"host": str(number)})
        for number, values in enumerate(entities)
        for part in range(len(values))
    ]
    rows = {id_: np.array([n for n, one in enumerate(series) if one.signal == id_]) for id_ in signals}
    values = np.concatenate(list(entities))
    detector = Engine(signals, DetectSection())
    for row in range(len(times)):
        part = slice(max(row + 1 - WIDTH, 0), row + 1)
        yield row, detector.observe(frame_at(times[part], values[:, part], series, rows))
