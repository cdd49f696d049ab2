"""The past of a group of series in, how far each sample lies from what that past let expect.

Ridge regression (Hoerl & Kennard 1970) on lags, means and the same time on earlier days, of all series of the
group at once: a series that follows another is foreseen from both. Two horizons see two kinds of fault: one
row ahead sees jumps, sixteen rows ahead also what creeps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.detect.causal import Schedule, delayed, moving_mean
from agent.detect.scale import moments
from agent.records import FloatArray

HORIZONS = (1, 16)
_COLUMNS = 200  # features of a fit at most: its cost grows with the square
_MOST_ROWS = 20_000  # rows of a fit at most; more tell nothing new about 200 weights
_RIDGE = 1e-3  # of the rows' number
_FLOOR = 1e-3  # of the level: a scale is never taken to be smaller
_CLIP = 6.0  # scales: what an outlier may say at most


@dataclass(frozen=True, slots=True, eq=False)
class Season:
    """What earlier days let expect for each row: their median, last week's sample, yesterday's."""

    median: FloatArray
    last_week: FloatArray
    yesterday: FloatArray


def forecast_residuals(values: FloatArray, season: Season, horizon: int, schedule: Schedule) -> FloatArray:
    """Return sample minus forecast, rows x series; NaN before there is a forecast.

    A forecast for a row uses samples up to ``horizon`` rows before it, and the seasons.
    """
    features = _features(values, season, horizon)
    residuals = np.full_like(values, np.nan)
    repeats = features.shape[1] // values.shape[1]
    for begin, end, fit in schedule.blocks(first=100 + horizon):
        if fit:
            history = schedule.history(begin)
            level, spread = moments(values[history], _FLOOR)
            weights: FloatArray = _fit(
                _standard(features[history], np.tile(level, repeats), np.tile(spread, repeats)),
                _standard(values[history], level, spread),
            )
        inputs = _standard(features[begin:end], np.tile(level, repeats), np.tile(spread, repeats))
        residuals[begin:end] = values[begin:end] - (level + spread * (inputs @ weights[:-1] + weights[-1]))
    return residuals


def _features(values: FloatArray, season: Season, horizon: int) -> FloatArray:
    """Return as many features of each series as fit, those first that tell most."""
    gap = max(1, horizon // 4)
    median = np.where(np.isnan(season.median), delayed(values, horizon), season.median)
    # each is a series and over how many rows its mean is taken, as it was ``ago`` rows earlier
    kinds = [
        (values, 1, horizon),
        (median, 1, 0),
        (median, 1, horizon),
        (values, 1, horizon + gap),
        (values, 1, horizon + 2 * gap),
        (values, 16, horizon),
        (values, 64, horizon),
        (values, 4, horizon),
        (median, 16, horizon),
    ]
    for other in (season.last_week, season.yesterday):
        known = np.where(np.isnan(other), median, other)
        kinds += [(known, 1, 0), (known, 1, horizon), (known, 16, horizon)]
    count = int(np.clip(_COLUMNS // values.shape[1], 2, len(kinds)))
    return np.concatenate(
        [delayed(moving_mean(one, width) if width > 1 else one, ago) for one, width, ago in kinds[:count]],
        axis=1,
    )


def _standard(values: FloatArray, level: FloatArray, spread: FloatArray) -> FloatArray:
    """Return values in scales; what is not known counts as the mean."""
    result: FloatArray = np.nan_to_num(np.clip((values - level) / spread, -_CLIP, _CLIP))
    return result


def _fit(inputs: FloatArray, targets: FloatArray) -> FloatArray:
    """Return weights, the intercept last."""
    stride = max(1, len(inputs) // _MOST_ROWS)
    known = np.column_stack([inputs[::stride], np.ones(len(inputs[::stride]))])
    gram = known.T @ known + _RIDGE * len(known) * np.eye(known.shape[1])
    return np.asarray(np.linalg.solve(gram, known.T @ targets[::stride]), np.float64)
