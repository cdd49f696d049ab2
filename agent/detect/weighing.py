"""What people said in, how many times as rare as usual each series and entity must be to be strange out.

Who says that an anomaly was none says that as much of it is usual: the same series opens one again only when
it is rarer still. Who says that something was missed is told of that entity twice as soon. Both hold for a
month: what is right today may be wrong after the next release.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from agent.detect.serieshash import hash_of
from agent.records import FloatArray, Series
from agent.records.feedback import Feedback, FeedbackKind

LASTS = timedelta(days=30)
_BEYOND = 1.5  # of what was called usual: the next one is not exactly as strong
_SOONER = 0.5
_LEAST, _MOST = 0.25, 1e9


class Weights:
    """The feedback that holds, by series and by entity."""

    def __init__(self) -> None:
        self._said: Sequence[Feedback] = ()
        self._of_series: dict[int, float] = {}
        self._of_entity: dict[str, float] = {}
        self._missed: dict[str, float] = {}
        self._rows: FloatArray = np.empty(0)
        self.wrong: frozenset[str] = frozenset()
        """The anomalies that are none."""

    def take(self, said: Sequence[Feedback], now: datetime) -> bool:
        """Go by what was said within a month; return whether that is news."""
        said = [one for one in said if now - one.at < LASTS]
        if said == self._said:
            return False
        self._said = said
        self._of_series, self._of_entity, self._missed = {}, {}, {}
        for one in said:
            if one.kind == FeedbackKind.MISSED:
                self._missed[one.entity] = self._missed.get(one.entity, 1.0) * _SOONER
            elif one.kind == FeedbackKind.NO_ANOMALY and one.layer == "entity":
                known = self._of_entity.get(one.entity, 1.0)
                self._of_entity[one.entity] = known * max(one.strength, 1.0) * _BEYOND
            elif one.kind == FeedbackKind.NO_ANOMALY:
                key = hash_of(one.signal, one.labels)
                self._of_series[key] = self._of_series.get(key, 1.0) * max(one.strength, 1.0) * _BEYOND
        self.wrong = frozenset(one.anomaly_id for one in said if one.kind == FeedbackKind.NO_ANOMALY)
        self._rows = np.empty(0)
        return True

    def of_rows(self, series: Sequence[Series]) -> FloatArray:
        """Return how many times as rare each row must be; numbers stand until rows are renumbered."""
        first = len(self._rows)
        if first > len(series):
            first, self._rows = 0, np.empty(0)
        if first < len(series):
            new = [self._of(one) for one in series[first:]]
            self._rows = np.concatenate([self._rows, np.array(new)])
        return self._rows

    def of_entities(self, names: Sequence[str]) -> FloatArray:
        """Return how many times as rare each entity must be."""
        if not self._of_entity and not self._missed:
            return np.ones(len(names))
        both = [self._of_entity.get(name, 1.0) * self._missed.get(name, 1.0) for name in names]
        weights: FloatArray = np.clip(np.array(both), _LEAST, _MOST)
        return weights

    def keep(self) -> None:
        """Follow a renumbering of rows."""
        self._rows = np.empty(0)

    def _of(self, one: Series) -> float:
        if not self._of_series and not self._missed:
            return 1.0
        own = self._of_series.get(hash_of(one.signal, one.labels), 1.0) if self._of_series else 1.0
        return min(max(own * self._missed.get(one.entity, 1.0), _LEAST), _MOST)
