"""A stretch of one series before and since an anomaly began in, what kind of anomaly it is out.

Every kind states its case as a number between 0 and 1; the strongest case names the kind. What cannot be told
yet, because too few samples have come, is a spike or a dip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agent.records import FloatArray

_TELLING = 3.0  # scales from which on a difference speaks for itself
_SUSTAINED = 8  # samples that make a level
_FLAT = 8  # equal samples that make a flat line
_TREND = 10
_FLOOR = 0.01  # of the level
_LARGEST = 1e100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """One series: samples ``before`` and ``during``, and what was expected for each of them.

    ``together`` is the share of the entity's series that deviate at the same time, ``series`` their number.
    ``swing`` is how far samples (smoothed), and what was expected of them, went up and down since it began,
    where more is known of it than ``during`` holds.
    """

    before: FloatArray
    during: FloatArray
    expected_before: FloatArray
    expected_during: FloatArray
    together: float = 0.0
    series: int = 1
    swing: tuple[float, float] = (0.0, 0.0)


def kind_of(stretch: Stretch) -> str:
    """Return the kind whose case is the strongest."""
    during = stretch.during
    if not len(during) or np.isnan(during[-1]):
        return "missing_data"
    cases = _cases(_bounded(stretch))
    return max(cases, key=lambda kind: cases[kind])


def _bounded(stretch: Stretch) -> Stretch:
    """Return a stretch without values whose squares overflow."""
    before, during, expected_before, expected_during = (
        np.clip(values, -_LARGEST, _LARGEST)
        for values in (stretch.before, stretch.during, stretch.expected_before, stretch.expected_during)
    )
    return replace(
        stretch,
        before=before,
        during=during,
        expected_before=expected_before,
        expected_during=expected_during,
    )


def _cases(stretch: Stretch) -> dict[str, float]:
    known = np.isfinite(stretch.during)
    during = stretch.during[known]
    rest = during - _known(
        stretch.expected_during[known],
        np.nanmedian(stretch.before) if np.isfinite(stretch.before).any() else during[0],
    )
    scale, spread = _scales(stretch)
    middle = float(np.median(rest))
    sign = "spike" if (middle if abs(middle) > 0 else float(rest[-1])) >= 0 else "dip"
    cases = {sign: 0.3 if len(rest) > _SUSTAINED else 0.75}
    if len(rest) >= _SUSTAINED:
        one_sided = max((rest > 0).mean(), (rest < 0).mean())
        cases["level_shift"] = float(np.clip((one_sided - 0.5) * 2, 0, 1)) * min(
            abs(middle) / (_TELLING * scale), 1.0
        )
        wobble = float(np.median(np.abs(rest - middle))) * 1.4826 / max(spread, 1e-12)
        cases["variance_change"] = float(np.clip((wobble - 1.5) / 1.5, 0, 1)) * float(2 * (1 - one_sided))
    if len(rest) >= _TREND:
        cases["trend"] = _trend(rest, scale)
        if cases["trend"] > 0.5:
            cases["level_shift"] *= 0.7
    if len(during) >= _FLAT and np.ptp(during[-_FLAT:]) == 0 and _moved(stretch.before):
        # what stands still where it never was has moved first
        cases["flat_line"] = 1.2 if abs(middle) <= 2 * _TELLING * scale else 0.5
    cases["lost_seasonality"] = _lost_season(stretch, known, scale)
    if stretch.series >= 3 and stretch.together * stretch.series >= 2.5:
        cases["correlated_shift"] = float(np.clip(2.5 * stretch.together, 0, 1.1))
    return cases


def _known(expected: FloatArray, otherwise: float) -> FloatArray:
    return np.where(np.isfinite(expected), expected, otherwise)


def _scales(stretch: Stretch) -> tuple[float, float]:
    """Return the robust deviation from expectation before, with and without a floor from the level."""
    before = stretch.before[np.isfinite(stretch.before)]
    if not len(before):
        return 1.0, 1.0
    rest = stretch.before - _known(stretch.expected_before, float(np.median(before)))
    rest = rest[np.isfinite(rest)]
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    floor = max(_FLOOR * abs(float(np.median(before))), 1e-9)
    return max(spread, floor), max(spread, 0.1 * floor)


def _trend(rest: FloatArray, scale: float) -> float:
    """Return how much of the stretch a straight line from its begin explains."""
    time = np.linspace(-1, 1, len(rest))
    slope = float((time * (rest - rest.mean())).sum() / (time**2).sum())
    left = rest - rest.mean() - slope * time
    explained = 1 - float((left**2).sum()) / max(float(((rest - rest.mean()) ** 2).sum()), 1e-300)
    # a level that jumped and stayed starts far from 0; a trend starts near it
    start = abs(float(np.median(rest[: max(len(rest) // 5, 1)]))) / max(abs(2 * slope), 1e-300)
    grown = min(abs(2 * slope) / (_TELLING * scale), 1.0)
    return float(np.clip(explained, 0, 1)) * grown * float(np.clip(1.5 - start, 0, 1))


def _moved(before: FloatArray) -> bool:
    known = before[np.isfinite(before)]
    return len(known) > _FLAT and float((np.diff(known) != 0).mean()) > 0.3


def _lost_season(stretch: Stretch, known: np.ndarray, scale: float) -> float:
    """Return how surely a swing that was expected did not come."""
    if known.sum() < 2 * _TREND:
        return 0.0
    expected = stretch.expected_during[known]
    seen, swing = stretch.swing
    if np.isfinite(expected).all():
        swing = max(swing, float(np.ptp(expected)))
    if swing < 2 * _TELLING * scale:
        return 0.0
    missing = 1 - max(seen, float(np.ptp(smooth(stretch.during[known])))) / swing
    return float(np.clip(missing * 1.3, 0, 1.1))


def smooth(values: FloatArray) -> FloatArray:
    """Return means over a tenth of some samples, those aside that are missing."""
    values = values[np.isfinite(values)]
    width = max(len(values) // 10, 1)
    return np.convolve(values, np.ones(width) / width, "valid") if len(values) else values
