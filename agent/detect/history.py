"""A metrics history in, for every entity and row a score, a verdict, its kind and who made it out.

It runs once over the past, but as the live agent would have lived through it: nothing looks ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agent.detect.causal import Schedule, held_peaks, moving_mean
from agent.detect.confidence import FILE, quiet_confidence
from agent.detect.counters import counting_columns, rates
from agent.detect.entity import LARGEST, EntityScores, score_entity
from agent.detect.kinds import Stretch, kind_of
from agent.detect.silence import missing, standing_still
from agent.detect.threshold import ALARMS, STILLNESS, above, thresholds
from agent.detect.timegrid import TimeGrid, grid_of
from agent.records import BoolArray, FloatArray, Frame, IntArray

CONTRIBUTORS = 3
_DEVIATING = 1.0  # own scales
_BEFORE_ROWS = 64
_LONGEST_STRETCH = 512
_BRIDGE_ROWS = 5  # quiet rows that do not end an episode
_HELD_MINUTES = 16
_MOST_STILL = 3.0  # thresholds: standing still for longer says no more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EntityVerdicts:
    """One entity's rows: arrays of one length, by time. ``kind`` is empty where all is normal."""

    entity: str
    score: FloatArray
    anomalous: BoolArray
    kind: Sequence[str]
    confidence: FloatArray
    contributors: Sequence[str]


def entities_of(frame: Frame) -> Mapping[str, IntArray]:
    """Return the rows of each entity's series."""
    rows: dict[str, list[int]] = {}
    for row, series in enumerate(frame.series):
        rows.setdefault(series.entity, []).append(row)
    return {entity: np.array(numbers, np.intp) for entity, numbers in rows.items()}


def detect_history(
    frame: Frame, learn_from: Frame | None = None, on_entity: Callable[[str], None] = lambda _: None
) -> Iterator[EntityVerdicts]:
    """Judge every entity of ``frame``, after learning from ``learn_from`` where it is given."""
    times, values = _joined(frame, learn_from)
    learned = len(times) - len(frame.times)
    values = _without_counters(frame, times, values, learned)
    grid = grid_of(times)
    schedule = Schedule(
        rows=grid.size, day=grid.day, learn_until=int(grid.places[learned]) if 0 < learned < len(times) else 0
    )
    for entity, rows in entities_of(frame).items():
        on_entity(entity)
        names = [frame.series[row].signal for row in rows]
        verdicts = _judged(entity, names, grid.spread(values[rows]), grid, schedule)
        yield _only(verdicts, grid.places[learned:])


def _joined(frame: Frame, learn_from: Frame | None) -> tuple[FloatArray, FloatArray]:
    """Put the history to learn from before the frame, its series in the frame's order."""
    if learn_from is None or not len(learn_from.times) or not len(frame.times):
        return frame.times, frame.values
    earlier = learn_from.times
    if earlier[-1] >= frame.times[0]:  # whole days back, so that the time of day stays right
        earlier = earlier - np.ceil((earlier[-1] - frame.times[0] + 1e-3) / 86_400.0) * 86_400.0
    values = np.full((len(frame.series), len(earlier)), np.nan)
    for row, series in enumerate(frame.series):
        found = learn_from.rows.get(series.signal)
        if found is not None:
            values[row] = learn_from.values[found[0]]
    return np.concatenate([earlier, frame.times]), np.concatenate([values, frame.values], axis=1)


def _without_counters(frame: Frame, times: FloatArray, values: FloatArray, learned: int) -> FloatArray:
    """Return the values with rates in place of counters."""
    counting = counting_columns([one.signal for one in frame.series], values)
    if not counting.any():
        return values
    result = values.copy()
    result[counting] = rates(values[counting], times)
    if 0 < learned < len(times):  # two files: what lies between them was counted by nobody
        result[counting, learned] = np.nan
    return result


def _judged(
    entity: str, names: Sequence[str], values: FloatArray, grid: TimeGrid, schedule: Schedule
) -> EntityVerdicts:
    values = np.clip(values, -LARGEST, LARGEST)
    scores = score_entity(values, grid.step_s, schedule)
    limit = thresholds(scores.fresh, scores.begin, schedule, ALARMS)
    gone, silent, times = _silence(values, scores, schedule)
    of_silence = np.where(np.isfinite(limit), limit, 0.0) * times
    level = np.maximum(scores.fresh, of_silence)
    anomalous = above(level, limit)
    ratio = level / limit  # 0 as long as there is no limit
    certain = np.where(of_silence <= scores.fresh, "", np.where(gone, "missing_data", "flat_line"))
    kinds, sure = _kinds(anomalous, certain, values, scores, ratio)
    return EntityVerdicts(
        entity=entity,
        score=np.maximum(scores.score, of_silence),
        anomalous=anomalous,
        kind=kinds,
        confidence=np.where(anomalous, sure, quiet_confidence(level, limit)),
        contributors=_contributors(names, scores, silent, grid.step_s),
    )


def _silence(
    values: FloatArray, scores: EntityScores, schedule: Schedule
) -> tuple[BoolArray, BoolArray, FloatArray]:
    """Return where any series is missing, which are silent, and how strange that is: 1 to 2 thresholds.

    One series of many that stands still says as little as one of many that deviates, so those that do are
    put together as deviations are.
    """
    away = missing(scores.seen, schedule.day)
    gone: BoolArray = np.asarray(away.any(1))
    stillness = standing_still(values, scores.seen, schedule.day)
    usual = thresholds(stillness.max(1), scores.begin, schedule, STILLNESS)[:, None]
    stillness = np.minimum(stillness / usual, _MOST_STILL)
    resting = np.sqrt((stillness**2).mean(1)) >= 1
    silent: BoolArray = away | ((stillness > 1) & resting[:, None])
    return gone, silent, np.where(gone | resting, 1 + silent.mean(1), 0.0)


def _only(verdicts: EntityVerdicts, places: IntArray) -> EntityVerdicts:
    return replace(
        verdicts,
        score=verdicts.score[places],
        anomalous=verdicts.anomalous[places],
        kind=[verdicts.kind[place] for place in places],
        confidence=verdicts.confidence[places],
        contributors=[verdicts.contributors[place] for place in places],
    )


def _contributors(names: Sequence[str], scores: EntityScores, silent: BoolArray, step_s: float) -> list[str]:
    """Name each row's strongest series, the strongest first, as long as the score is held."""
    size = np.nan_to_num(np.abs(scores.deviations))
    half_life = max(_HELD_MINUTES * 60 / step_s, 1.0)
    strength = np.maximum(
        size, np.column_stack([held_peaks(moving_mean(one, 3), half_life) for one in size.T])
    )
    strength = np.where(silent, np.inf, strength)
    count = min(CONTRIBUTORS, len(names))
    first = np.argsort(-strength, axis=1, kind="stable")[:, :count]
    strong = np.take_along_axis(strength, first, axis=1) >= _DEVIATING
    return [
        ";".join(names[column] for column, is_strong in zip(columns, flags, strict=True) if is_strong)
        for columns, flags in zip(first.tolist(), strong.tolist(), strict=True)
    ]


def _kinds(
    anomalous: BoolArray,
    certain: np.ndarray,
    values: FloatArray,
    scores: EntityScores,
    ratio: FloatArray,
) -> tuple[list[str], FloatArray]:
    """Name the kind of each anomalous row, and how sure that is; ``certain`` names those that are known.

    It is named anew as its episode grows: at its 1st, 2nd, 3rd, 5th, 7th… row.
    """
    kinds = [""] * len(anomalous)
    sure = np.zeros(len(anomalous))
    began, last, again, peak = 0, -_BRIDGE_ROWS - 1, 0, 0.0
    kind, clear = "", 1.0
    for row in np.flatnonzero(anomalous).tolist():
        if row - last > _BRIDGE_ROWS:
            began, again, peak = row, row, 0.0
        if row >= again:
            kind, clear = _kind_at(began, row, values, scores)
            again = row + max((row - began + 1) // 2, 1)
        peak = max(peak, float(ratio[row]))
        kinds[row] = str(certain[row]) or kind
        sure[row] = FILE.at(kinds[row], peak, row - began + 1, 1.0 if certain[row] else clear)
        last = row
    return kinds, sure


def _kind_at(began: int, row: int, values: FloatArray, scores: EntityScores) -> tuple[str, float]:
    sizes = np.nan_to_num(np.abs(scores.deviations[began : row + 1])).max(0)
    column = int(np.argmax(sizes))
    start = max(began, row + 1 - _LONGEST_STRETCH)
    before = slice(max(began - _BEFORE_ROWS, 0), began)
    during = slice(start, row + 1)
    seen = np.where(scores.seen, values, np.nan)
    return kind_of(
        Stretch(
            before=seen[before, column],
            during=seen[during, column],
            expected_before=scores.expected[before, column],
            expected_during=_expectation(scores, before, during, column),
            together=float((sizes >= _DEVIATING).mean()),
            series=values.shape[1],
        )
    )


def _expectation(scores: EntityScores, before: slice, during: slice, column: int) -> FloatArray:
    """Return what was expected during the episode: without a season, what was expected at its begin."""
    expected = scores.expected[during, column]
    if scores.seasonal[before, column].all() and len(scores.seasonal[before, column]):
        return expected
    known = scores.expected[before, column]
    known = known[np.isfinite(known)]
    return np.full(len(expected), np.median(known) if len(known) else np.nan)
