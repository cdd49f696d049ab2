"""Members' deviations in, one score per row out.

Every member is first measured by its own past, so that 1 is as rare for one as for the other. The root
mean square of members lets one that is sure count more than three that see nothing, and, unlike a maximum,
counts those that agree. Evidence is then gathered over time: a fault lasts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.detect.causal import held_peaks, moving_mean
from agent.records import FloatArray

_MOST = 20.0  # what one of several series may say at most
_FRESH_MINUTES = (4, 16)
_LASTING_MINUTES = 64  # what is held so long tells of a fault when it is long over
_SHORT_ROWS = (2, 5)


def over_series(deviations: FloatArray) -> FloatArray:
    """Return the root mean square over an entity's series (rows x series), those without a sample aside."""
    if deviations.shape[1] > 1:
        deviations = np.clip(deviations, -_MOST, _MOST)
    return root_mean_square(list(deviations.T))


def root_mean_square(scores: Sequence[FloatArray]) -> FloatArray:
    """Return the root mean square of those scores that are known; 0 where none is."""
    total, count = np.zeros(len(scores[0])), np.zeros(len(scores[0]))
    for score in scores:
        known = np.isfinite(score)
        total += np.where(known, score, 0.0) ** 2
        count += known
    result: FloatArray = np.sqrt(total / np.maximum(count, 1))
    return result


def gathered(score: FloatArray, step_s: float, series: int) -> tuple[FloatArray, FloatArray]:
    """Gather a score over hours, and over a quarter of an hour at most.

    Several series: a deviation that lasts for minutes outweighs a moment's, and is held for twice as long as
    it took to gather, since the parts of a system that fail seldom fail in every sample. One series: its
    samples are the thing itself, and the mean over a few of them is enough against noise.
    """
    if series == 1:
        short: FloatArray = np.mean([score, *(moving_mean(score, rows) for rows in _SHORT_ROWS)], axis=0)
        return short, short
    fresh: FloatArray = np.max([score, *(_lasting(score, step_s, wide) for wide in _FRESH_MINUTES)], axis=0)
    return np.maximum(fresh, _lasting(score, step_s, _LASTING_MINUTES)), fresh


def _lasting(score: FloatArray, step_s: float, minutes: int) -> FloatArray:
    rows = minutes * 60 / step_s
    return held_peaks(moving_mean(score, max(1, round(rows))), max(2.0 * rows, 1.0))
