"""A history in, what models that are trained along it say of each row out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from agent.config.models import ModelsSection
from agent.detect.findings import Finding
from agent.detect.models.catalog import LSTM
from agent.detect.models.grouping import LEAST_SERIES
from agent.detect.models.training import LEAST_ROWS, EntityHistory, train_entities
from agent.records import FloatArray, Frame, IntArray, Series

_LOOK_BACK = 32  # rows before those that are scored


class ReplayedModels:
    """The scores of all rows (NaN before there is a model), given out frame by frame.

    Models learn once from the first ``learned`` rows, or where there are none again and again, as often as
    the agent trains, from the time before.
    """

    def __init__(
        self,
        series: Sequence[Series],
        times: FloatArray,
        values: FloatArray,
        learned: int,
        section: ModelsSection,
    ) -> None:
        self._section = section
        self._members = [name for name in section.members if name != LSTM]
        self._number = -1
        self._scores: dict[str, FloatArray] = {}
        if not section.enabled or not len(times):
            return
        groups: dict[str, list[int]] = {}
        for row, one in enumerate(series):
            groups.setdefault(one.entity, []).append(row)
        for entity, rows in groups.items():
            if len(rows) >= LEAST_SERIES:
                keys = [(series[row].signal, series[row].labels) for row in rows]
                self._scores[entity] = self._along(entity, keys, times, values[rows].T, learned)

    def findings(self, frame: Frame) -> Mapping[str, Finding]:
        """Return what is found in the next row."""
        self._number += 1
        found = {entity: float(scores[self._number]) for entity, scores in self._scores.items()}
        return {entity: Finding(score) for entity, score in found.items() if np.isfinite(score)}

    def _along(
        self,
        entity: str,
        keys: Sequence[tuple[str, Mapping[str, str]]],
        times: FloatArray,
        values: FloatArray,
        learned: int,
    ) -> FloatArray:
        result = np.full(len(times), np.nan)
        step_s = float(np.median(np.diff(times))) if len(times) > 1 else 60.0
        for rows, begin, end in self._trainings(times, learned):
            if len(rows) < LEAST_ROWS:
                continue
            history = EntityHistory(entity=entity, keys=keys, values=values[rows], step_s=step_s)
            (model,) = train_entities([history], self._members)
            first = max(begin - _LOOK_BACK, 0)
            result[begin:end] = model.scores(values[first:end], np.arange(begin - first, end - first))
        return result

    def _trainings(self, times: FloatArray, learned: int) -> Iterator[tuple[IntArray, int, int]]:
        """Yield the rows to learn from, and from and to which row the model is in force."""
        if learned:
            yield np.arange(learned), learned, len(times)
            return
        every = self._section.retrain_every.total_seconds()
        history = self._section.history.total_seconds()
        begins = np.searchsorted(times, np.arange(times[0] + every, times[-1] + every, every))
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(times)], strict=True):
            if begin < end:
                first = int(np.searchsorted(times, times[begin] - history))
                yield np.arange(first, begin), begin, end
