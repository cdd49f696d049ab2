"""An anomaly that is open, and what is kept of it beside what people are told; as plain facts and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from agent.records import Anomaly, FloatArray

_LARGEST = 1e100  # a difference of two is a number still
_MOMENTS = ("opened_at", "since")


@dataclass(slots=True)
class Extent:
    """The lowest and the highest value of many."""

    low: float = np.inf
    high: float = -np.inf

    def take(self, values: FloatArray) -> float:
        """Take in some values; return how far all of them reach, 0 while there are none."""
        known = np.clip(values[np.isfinite(values)], -_LARGEST, _LARGEST)
        self.low = float(known.min(initial=self.low))
        self.high = float(known.max(initial=self.high))
        return max(self.high - self.low, 0.0)


@dataclass(slots=True)
class OpenAnomaly:
    """An anomaly that is open.

    ``level`` is what was normal when it opened, ``mature`` whether some days were known then, ``began`` the
    frame's time of its first sample, ``samples`` how many have been judged since, ``look_at`` at how many
    its kind is looked at again, ``peak`` its greatest strength. ``seen`` and
    ``foreseen`` are the lowest and the highest that was seen since, and that its season foresaw: a frame
    holds an hour, and a season that does not come takes longer to show.
    """

    anomaly: Anomaly
    level: float
    mature: bool
    began: float
    samples: int
    look_at: int = 0
    peak: float = 0.0
    seen: Extent = field(default_factory=Extent)
    foreseen: Extent = field(default_factory=Extent)


def to_plain(one: OpenAnomaly) -> dict[str, Any]:
    """Return an open anomaly as JSON can hold it."""
    facts = asdict(one)
    facts["anomaly"] = anomaly_to_plain(one.anomaly)
    for name in ("seen", "foreseen"):
        extent: Extent = getattr(one, name)
        facts[name] = [extent.low, extent.high] if extent.low <= extent.high else None
    return facts


def from_plain(facts: Mapping[str, Any]) -> OpenAnomaly:
    """Return the open anomaly that was made plain. Raises KeyError, TypeError, ValueError."""
    extents = {name: Extent(*facts[name]) if facts[name] else Extent() for name in ("seen", "foreseen")}
    return OpenAnomaly(**{**facts, "anomaly": anomaly_from_plain(facts["anomaly"]), **extents})


def anomaly_to_plain(one: Anomaly) -> dict[str, Any]:
    """Return an anomaly as JSON can hold it."""
    facts = asdict(one)
    facts["labels"] = dict(one.labels)
    facts["observed"] = one.observed if np.isfinite(one.observed) else None
    return facts


def anomaly_from_plain(facts: Mapping[str, Any]) -> Anomaly:
    """Return the anomaly that was made plain. Raises KeyError, TypeError, ValueError."""
    moments = {name: datetime.fromisoformat(facts[name]) for name in _MOMENTS}
    observed = float("nan") if facts["observed"] is None else float(facts["observed"])
    contributors = tuple(facts["contributors"])
    return Anomaly(**{**facts, **moments, "observed": observed, "contributors": contributors})
