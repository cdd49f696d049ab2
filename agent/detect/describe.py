"""An open anomaly and the newest frame in, what is said of it out: kind, since when, what was expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from agent.config.valid import Bounds
from agent.detect.confidence import SERIES
from agent.detect.judgement import Judgement
from agent.detect.kinds import Stretch, kind_of, smooth
from agent.detect.openanomaly import OpenAnomaly
from agent.records import FloatArray

_BEFORE = 64  # samples that say how a series was before
_AWAY = 2.0  # spreads beyond which a sample belongs to what is going on
_REACH = 4.0  # spreads that hold what is normal; the threshold lies further out


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """What else is strange on the entity: the strongest signals, the share of its series, their number."""

    signals: tuple[str, ...] = ()
    share: float = 0.0
    series: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """What a frame holds of one row, as it was judged: times, values, the newest of them."""

    times: FloatArray
    values: FloatArray
    newest: float


Season = Callable[[int, FloatArray], FloatArray]
"""A row and times in, what its seasons let expect there out."""


def describe(
    one: OpenAnomaly,
    excerpt: Excerpt,
    row: int,
    judged: Judgement,
    companions: Companions,
    season: Season,
    bounds: Bounds,
) -> None:
    """Bring an open anomaly up to date; its kind is looked at again as it grows by half.

    ``bounds`` are the least and the greatest value that the signal can have: nothing beyond is expected.
    """
    one.samples += 1
    strength = float(judged.strength[row])
    one.peak = max(one.peak, strength)
    kind = one.anomaly.kind
    if judged.absent[row]:
        kind = "missing_data"
    elif judged.still[row]:
        kind = "flat_line"
    elif one.samples >= one.look_at:
        one.look_at = one.samples + max(one.samples // 2, 1)
        kind = _kind(one, excerpt, row, companions, season)
    level, spread = float(judged.level[row]), float(judged.spread[row])
    one.anomaly = replace(
        one.anomaly,
        kind=kind,
        score=one.peak,
        confidence=SERIES.at(one.peak, one.samples),
        observed=excerpt.newest,
        expected_low=max(level - _REACH * spread, bounds[0]),
        expected_high=min(level + _REACH * spread, bounds[1]),
        contributors=companions.signals,
    )


def onset(values: FloatArray, level: float, spread: float, samples: int) -> int:
    """Return at which of some values what goes on now began: the first after the last one near the level.

    It is at least ``samples`` back.
    """
    first = max(len(values) - samples, 0)
    near = np.flatnonzero(np.abs(values[:first] - level) <= _AWAY * spread)
    return int(near[-1]) + 1 if len(near) else first


def _kind(one: OpenAnomaly, excerpt: Excerpt, row: int, companions: Companions, season: Season) -> str:
    """Return the kind by the samples that the frame still holds."""
    values, times = excerpt.values, excerpt.times
    first = min(int(np.searchsorted(times, one.began)), max(len(values) - one.samples, 0))
    before = slice(max(first - _BEFORE, 0), first)
    foreseen = season(row, times) if one.mature else np.full(len(values), np.nan)
    expected = np.full(len(values), one.level)
    if one.mature:
        expected = np.where(np.isnan(foreseen), one.level, foreseen)
    return kind_of(
        Stretch(
            before=values[before],
            during=values[first:],
            expected_before=expected[before] if one.mature else np.full(before.stop - before.start, np.nan),
            expected_during=expected[first:],
            together=companions.share,
            series=companions.series,
            swing=(one.seen.take(smooth(values[first:])), one.foreseen.take(foreseen[first:])),
        )
    )
