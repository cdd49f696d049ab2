"""The history of one entity's series in, a score for each row and what made it out. Nothing looks ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.detect.causal import Schedule, delayed, filled_forward, seasonal_median
from agent.detect.forecast import HORIZONS, Season, forecast_residuals
from agent.detect.fuse import gathered, over_series, root_mean_square
from agent.detect.neighbours import neighbour_distances
from agent.detect.rebase import rebased
from agent.detect.scale import in_own_scale
from agent.records import BoolArray, FloatArray

LARGEST = 1e100  # beyond it squares overflow
_LEAST = 1e-2  # own scales: a score is never taken to be smaller, or an idle entity would be all news
_GROUP = 64  # series that are forecast from one another: the cost of a fit grows with the square of them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EntityScores:
    """What was found of an entity.

    ``score`` has a value per row, 0 before ``begin``, where there is too little past; ``fresh`` is what
    alarms go by: the same, gathered and held for minutes where ``score`` is for hours; ``deviations``
    (rows x series) says which series made it, with the sign of sample minus expectation, NaN where a sample
    or its past is missing; ``expected`` is what the season (where ``seasonal``), else the time before, let
    expect; ``seen`` tells where there was a sample.
    """

    score: FloatArray
    fresh: FloatArray
    begin: int
    deviations: FloatArray
    expected: FloatArray
    seasonal: BoolArray
    seen: BoolArray


def score_entity(values: FloatArray, step_s: float, schedule: Schedule) -> EntityScores:
    """Score rows x series of one entity. Rows are evenly spaced; NaN is a missing sample."""
    seen: BoolArray = np.isfinite(values)
    moved = rebased(filled_forward(np.clip(np.where(seen, values, np.nan), -LARGEST, LARGEST)), schedule)
    filled = moved.values
    season = _season(np.where(seen, filled, np.nan), schedule.day)
    members = [_forecasts(filled, season, horizon, schedule) for horizon in HORIZONS]
    members.append(filled - season.median)
    scaled = [in_own_scale(np.where(seen, member, np.nan), schedule, filled) for member in members]
    scores = _as_the_others([over_series(member) for member in scaled], scaled)
    if values.shape[1] > 1:
        scores.append(neighbour_distances(filled, schedule))
        scores = [in_own_scale(np.maximum(score, _LEAST)[:, None], schedule)[:, 0] for score in scores]
    fused = root_mean_square(scores)
    score, fresh = gathered(fused, step_s, values.shape[1])
    known = np.flatnonzero(np.isfinite(scaled[0]).any(1))
    return EntityScores(
        begin=int(known[0]) if len(known) else len(values),
        score=score,
        fresh=fresh,
        deviations=_strongest(scaled),
        expected=moved.original(
            np.where(np.isnan(season.median), delayed(filled, HORIZONS[-1]), season.median)
        ),
        seasonal=np.isfinite(season.median),
        seen=seen,
    )


def _as_the_others(scores: Sequence[FloatArray], members: Sequence[FloatArray]) -> list[FloatArray]:
    """Return scores in which a member that knows nothing yet says what the others say on the whole.

    As 0 it would teach that it is small, and make whatever comes once it knows something look huge.
    """
    said = np.array([np.isfinite(member).any(1) for member in members])
    mean = np.where(said, scores, 0.0).sum(0) / np.maximum(said.sum(0), 1)
    return [np.where(known, score, mean) for score, known in zip(scores, said, strict=True)]


def _season(present: FloatArray, day: int) -> Season:
    return Season(
        median=seasonal_median(present, day),
        last_week=delayed(present, 7 * day),
        yesterday=delayed(present, day),
    )


def _forecasts(filled: FloatArray, season: Season, horizon: int, schedule: Schedule) -> FloatArray:
    """Forecast each group of series by itself; an ordinary entity is one group."""
    groups = [slice(first, first + _GROUP) for first in range(0, filled.shape[1], _GROUP)]
    parts = [forecast_residuals(filled[:, g], _of(season, g), horizon, schedule) for g in groups]
    return np.concatenate(parts, axis=1)


def _of(season: Season, group: slice) -> Season:
    return Season(season.median[:, group], season.last_week[:, group], season.yesterday[:, group])


def _strongest(members: Sequence[FloatArray]) -> FloatArray:
    """Return for each cell the deviation of the member that sees the largest one."""
    result = members[0]
    for other in members[1:]:
        larger = np.nan_to_num(np.abs(other)) > np.nan_to_num(np.abs(result))
        result = np.where(larger, other, result)
    return result
