"""What is left of resources over time in, when each is used up out, with an interval; or nothing.

A line with one bend, flat before and falling after, is fitted to each series together with the harmonics of
a day (least squares, the bend by search: Hinkley 1971, "Inference in two-phase regression"). When level and
slope are jointly normal, the time at which the line meets zero has the quantiles of Fieller's theorem (1954);
that nobody knows exactly when the fall began is part of it (Muggeo 2003, "Estimating regression models with
unknown break-points"). Neighbouring residuals are alike, so their information counts for less: the variance
is that of an AR(1) process.

Nothing is said of a fall that is too short to tell, that ends farther ahead than it was seen for, or that
went as low before and came back by itself: a log that is rotated every night, a cache that is emptied, a
busy hour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.records import BoolArray, FloatArray, IntArray

_Z80 = 1.2816  # normal quantile of 90 %: eight in ten lie between the two
_LEAST_SAMPLES = 12  # since the bend
_BENDS = 24  # that are tried, closer to each other near the end
_FARTHEST = 1.3  # times the span since the bend
_LEAST_GONE = 0.5  # of what is left now: otherwise the end is farther than can be told
_AT_ONCE = 256  # series, which take 15 MB
_NEWS = 0.25  # of the range seen before: how far beyond it a fall must be to be none of those
_SURE = 4.0  # standard errors of the slope
_FITS = 0.9  # share of the variance since the bend that the line must explain
_DAY_S = 86_400.0
_HARMONICS = 2
_SEASON_DAYS = 1.5  # of history before a day's harmonics can be told from a fall
_MOVES = 3  # of each bend, until it rests
_RIDGE = 1e-9
_LEAST_SPREAD = 1e-12  # of what was left at most, squared: a perfect line has a width too
_MOST_ALIKE = 0.98
_UNKNOWN_SEASON = 0.06  # of a slope: its standard error where a day was not seen yet
_LOW = 0.05  # quantile of the residuals that counts as their lowest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exhaustions:
    """Arrays of one length: which ``rows`` run out, and in how many seconds from the last sample.

    ``low`` to ``high`` holds the moment eight times in ten; ``began`` is the unix time of the bend.
    """

    rows: IntArray
    left: FloatArray
    low: FloatArray
    high: FloatArray
    began: FloatArray
    slope: FloatArray


def exhaustions(
    times: FloatArray,
    left: FloatArray,
    least_span: float,
    widen: float = 1.0,
    least_from_start: float | None = None,
) -> Exhaustions:
    """Return which series are about to be used up.

    ``left`` is series x time, zero where nothing is left, NaN where there is no sample; ``times`` are unix
    seconds. A fall must have lasted ``least_span`` seconds, and ``least_from_start`` (else twice as long)
    where nothing was seen before it. ``widen`` scales the interval, as the record of
    earlier forecasts asks for.
    """
    rows = _falling(left)
    none = np.empty(0)
    found = Exhaustions(rows=rows[:0], left=none, low=none, high=none, began=none, slope=none)
    if not len(rows) or len(times) < _LEAST_SAMPLES:
        return found
    parts = [
        _fit(times, left[rows[start : start + _AT_ONCE]], least_span)
        for start in range(0, len(rows), _AT_ONCE)
    ]
    fit = _Fit(*(np.concatenate([getattr(one, name) for one in parts]) for name in _Fit.__slots__))
    low, high = _interval(fit, _Z80 * widen)
    until = fit.level / -fit.slope
    seen = times[-1] - fit.began
    told = fit.sure & (until <= _FARTHEST * seen) & np.isfinite(high) & _is_new(times, left[rows], fit)
    # what falls from the first sample on may be filling up after its start, and stop by itself
    first = times[np.argmax(~np.isnan(left[rows]), axis=1)]
    told &= (fit.began - first >= least_span / 2) | (seen >= (least_from_start or 2 * least_span))
    return Exhaustions(
        rows=rows[told],
        left=until[told],
        low=low[told],
        high=high[told],
        began=fit.began[told],
        slope=fit.slope[told],
    )


def _falling(left: FloatArray) -> IntArray:
    """Return the rows worth a fit: sampled now, not used up, and so far down that the end may be near."""
    if not left.size:
        return np.empty(0, np.intp)
    now = left[:, -1]
    with np.errstate(invalid="ignore"):
        known = np.flatnonzero((now > 0) & ((~np.isnan(left)).sum(1) >= _LEAST_SAMPLES))
    gone = np.nanmax(left[known], 1) - now[known]
    falling: IntArray = known[gone >= _LEAST_GONE * now[known]]
    return falling


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """The best line of each series: ``level`` is what it says is left at the last sample."""

    level: FloatArray
    slope: FloatArray
    began: FloatArray
    sure: BoolArray
    variance_level: FloatArray
    variance_slope: FloatArray
    covariance: FloatArray
    noise: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Samples in units of their own: ``ago`` is zero at the last one and -1 at the first."""

    ago: FloatArray
    values: FloatArray
    there: BoolArray
    season: FloatArray


def _fit(times: FloatArray, left: FloatArray, least_span: float) -> _Fit:
    """Fit a line with one bend to each series: search among some bends, then move each (Muggeo 2003)."""
    scale = np.nanmax(np.abs(left), 1)
    unit = times[-1] - times[0]
    there = ~np.isnan(left)
    ago = (times - times[-1]) / unit
    data = _Data(ago, np.where(there, left, 0.0) / scale[:, None], there, _season(times))
    places = ago[_bends(times, least_span)]
    errors = np.stack([_squares(data, np.full(len(left), place)) for place in places])
    bend = places[np.argmin(errors, 0)]
    for _ in range(_MOVES):
        bend = _moved(data, bend, places)
    beta, inverse = _solve(data, bend, with_bend=True)
    residual = _residual(data, beta, bend)
    after = there & (ago[None, :] >= bend[:, None])
    freedom = np.maximum(there.sum(1) - beta.shape[1], 1)
    spread = (residual**2).sum(1) / freedom + _LEAST_SPREAD
    alike = np.clip(_autocorrelation(residual, after), 0.0, _MOST_ALIKE)
    variance = inverse * (spread * (1 + alike) / (1 - alike))[:, None, None]
    own = np.where(after, residual, 0.0)
    # the series itself is used up, not its line: what swings slowly about it gets there first
    level = beta[:, 0] + alike * np.nanquantile(np.where(after, residual, np.nan), _LOW, axis=1)
    variance[:, 0, 0] += alike * spread
    slope = beta[:, 1]
    if not data.season.size:  # the fall may be part of a day's course, which cannot be told yet
        variance[:, 1, 1] += (_UNKNOWN_SEASON * slope) ** 2
    explained = 1 - (own**2).sum(1) / np.maximum(
        (_centred(own + _fall(data, beta, bend), after) ** 2).sum(1), 1e-30
    )
    sure = (level > 0) & (-slope > _SURE * np.sqrt(variance[:, 1, 1])) & (explained > _FITS)
    return _Fit(
        level * scale,
        np.minimum(slope, -1e-300) * scale / unit,
        times[-1] + bend * unit,
        sure & (after.sum(1) >= _LEAST_SAMPLES),
        variance[:, 0, 0] * scale**2,
        variance[:, 1, 1] * (scale / unit) ** 2,
        variance[:, 0, 1] * scale**2 / unit,
        np.sqrt(spread) * scale,
    )


def _bends(times: FloatArray, least_span: float) -> list[int]:
    """Return the places of the bends that are tried, from the first sample on."""
    last = int(np.searchsorted(times, times[-1] - least_span, side="right")) - 1
    last = min(last, len(times) - _LEAST_SAMPLES)
    if last < 0:
        return [0]
    steps = np.geomspace(len(times) - last, len(times), _BENDS)
    return sorted({int(len(times) - step) for step in steps.tolist()})


def _season(times: FloatArray) -> FloatArray:
    """Return the columns of a day's harmonics, none where the time is too short for them."""
    if times[-1] - times[0] < _SEASON_DAYS * _DAY_S:
        return np.empty((len(times), 0))
    angle = 2 * np.pi * times / _DAY_S
    waves = [wave(number * angle) for number in range(1, _HARMONICS + 1) for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1)


def _columns(data: _Data, bend: FloatArray, with_bend: bool) -> FloatArray:
    """Return series x time x column: level at the end, fall, season, and how the fall moves with its bend."""
    fall = np.maximum(data.ago[None, :], bend[:, None])
    rest = np.broadcast_to(data.season, (len(bend), *data.season.shape))
    columns = [np.ones_like(fall)[..., None], fall[..., None], rest]
    if with_bend:
        columns.append((data.ago[None, :] < bend[:, None]).astype(np.float64)[..., None])
    return np.concatenate(columns, axis=2)


def _solve(data: _Data, bend: FloatArray, with_bend: bool) -> tuple[FloatArray, FloatArray]:
    """Return coefficients and the inverse of the normal matrix, for each series."""
    columns = _columns(data, bend, with_bend) * data.there[..., None]
    turned = columns.transpose(0, 2, 1)
    inverse = np.linalg.inv(turned @ columns + _RIDGE * np.eye(columns.shape[2])).astype(np.float64)
    return (inverse @ (turned @ data.values[..., None]))[..., 0], inverse


def _squares(data: _Data, bend: FloatArray) -> FloatArray:
    """Return the sum of squared residuals; infinite where the line does not fall."""
    beta, _ = _solve(data, bend, with_bend=False)
    squares: FloatArray = (_residual(data, beta, bend) ** 2).sum(1)
    return np.where(beta[:, 1] < 0, squares, np.inf)


def _moved(data: _Data, bend: FloatArray, places: FloatArray) -> FloatArray:
    """Return bends one step nearer to the best; those at the beginning of the samples stay."""
    beta, _ = _solve(data, bend, with_bend=True)
    slope = np.minimum(beta[:, 1], -1e-12)
    moved = np.clip(bend + beta[:, -1] / slope, places[0], places[-1])
    better = _squares(data, moved) < _squares(data, bend)
    return np.where(better & (bend > places[0]), moved, bend)


def _residual(data: _Data, beta: FloatArray, bend: FloatArray) -> FloatArray:
    columns = _columns(data, bend, with_bend=beta.shape[1] > 2 + data.season.shape[1])
    fitted = (columns @ beta[..., None])[..., 0]
    return np.where(data.there, data.values - fitted, 0.0)


def _fall(data: _Data, beta: FloatArray, bend: FloatArray) -> FloatArray:
    fall: FloatArray = beta[:, :1] + beta[:, 1:2] * np.maximum(data.ago[None, :], bend[:, None])
    return fall


def _centred(values: FloatArray, there: BoolArray) -> FloatArray:
    kept = np.where(there, values, 0.0)
    mean = kept.sum(1) / np.maximum(there.sum(1), 1)
    return np.where(there, values - mean[:, None], 0.0)


def _autocorrelation(residual: FloatArray, there: BoolArray) -> FloatArray:
    both = there[:, 1:] & there[:, :-1]
    product = (residual[:, 1:] * residual[:, :-1] * both).sum(1)
    power = (residual[:, 1:] ** 2 * both).sum(1)
    alike: FloatArray = product / np.maximum(power, 1e-30)
    return alike


def _interval(fit: _Fit, z: float) -> tuple[FloatArray, FloatArray]:
    """Return the quantiles of the time at which the line meets zero: the roots of Fieller's quadratic."""
    first = fit.slope**2 - z**2 * fit.variance_slope
    half = fit.level * fit.slope - z**2 * fit.covariance
    last = fit.level**2 - z**2 * fit.variance_level
    root = np.sqrt(np.maximum(half**2 - first * last, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (-half - root) / first, (-half + root) / first
    return np.maximum(low, 0.0), np.where(first > 0, high, np.inf)


def _is_new(times: FloatArray, left: FloatArray, fit: _Fit) -> BoolArray:
    """Return where it never was so low before the fall began: what was, came back by itself."""
    before = (times[None, :] < fit.began[:, None]) & ~np.isnan(left)
    least = np.where(before, left, np.inf).min(1)
    most = np.where(before, left, -np.inf).max(1)
    with np.errstate(invalid="ignore"):
        margin = np.where(before.any(1), _NEWS * (most - least) + fit.noise, 0.0)
    new: BoolArray = fit.level < least - margin
    return new
