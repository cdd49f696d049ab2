"""Moments with what came after them in, a foresight for each horizon out, in force only where it is worth it.

The newest quarter of the time is held back. What is learned from ends a horizon before it, so that nothing of
it is known. A foresight is in force only when its Brier score there is lower than that of the base rate, and
than that of the forecasts of what is used up, by more than chance gives between one day and another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from agent.learn.failures.features import THERE, is_known, signals_of
from agent.learn.failures.model import Bin, Figures, Foresight, Judged
from agent.learn.failures.moments import Moments, Occurrence, came
from agent.learn.faults.algorithms import IMPUTED, Configuration, fit
from agent.learn.faults.examples import HELD_BACK, Table
from agent.learn.faults.search import Journal, predict_by_time, search
from agent.records.metrics import FloatArray, IntArray

LEAST_FAULTS, LEAST_HELD_BACK = 20, 8
_LEAST_SEEN = 10  # moments in which a feature is known, and not 0
_TRIED = tuple(Configuration(algorithm=IMPUTED, parameters={"C": c}) for c in (0.01, 0.1, 1.0, 10.0))
_BUDGET_S = 120.0
_EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
_DAY_S = 86_400.0
_MOST_STEPS, _LEAST_STEP = 12, 15  # of calibration, and moments before faults in each

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of a training for each horizon, whether it is better than what is in force, and why (not)."""

    horizons: Sequence[Judged]
    better: bool
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class _Lost:
    """What two trainings lose at held-back moments, each where it says nothing by the base rate.

    1 is what the base rate loses in the mean, whatever the horizon.
    """

    at: FloatArray
    own: FloatArray
    in_force: FloatArray


def train_foresight(
    moments: Moments,
    columns: Mapping[str, FloatArray],
    occurrences: Sequence[Occurrence],
    forecasts: Mapping[timedelta, FloatArray],
    known_until: float | FloatArray,
    folder: Path,
    before: Sequence[Judged] = (),
    on_progress: OnProgress = lambda done, of: None,
) -> Trained:
    """Return what comes of training for each horizon.

    ``columns`` has each feature by name, NaN where nobody knows, and of which hosts enough was there: what
    nothing would be said of is not learned from and judges nothing. ``forecasts`` has for each horizon what
    forecasts of what is used up said at each moment (NaN where they said nothing), ``known_until`` is until
    when somebody looked, from each moment on or in all, ``before`` is what is in
    force now. ``folder`` is for what is tried.
    """
    asked = {one.horizon_s: one.foresight for one in before if one.worth_asking and one.foresight}
    found, lost = [], []
    for number, (horizon, said) in enumerate(forecasts.items()):
        on_progress(number, len(forecasts))
        known = _Known(moments, columns, occurrences, said, horizon, known_until)
        judged = _train(known, folder, asked.get(horizon.total_seconds()))
        found.append(judged)
        if judged.foresight is not None:
            lost.append(_lost(known, judged, asked.get(horizon.total_seconds())))
    on_progress(len(forecasts), len(forecasts))
    better, why = _compare(found, lost, asked)
    return Trained(horizons=found, better=better, why=why)


def _compare(
    found: Sequence[Judged], lost: Sequence[_Lost], asked: Mapping[float, Foresight]
) -> tuple[bool, str]:
    """Return whether a training is to be put in force, and why, or why not."""
    speaks = any(one.worth_asking for one in found)
    if not asked:
        return speaks, (
            "better than the base rate; there was none in force that says anything"
            if speaks
            else "within no horizon better than the base rate by more than chance; it runs beside"
        )
    if unknown := set(asked) - {one.horizon_s for one in found if one.foresight is not None}:
        return False, (
            f"within {min(unknown) / 3600:g} h too little was held back to compare it with the one in force; "
            "it runs beside"
        )
    own, other = (_mean([getattr(one, name) for one in lost]) for name in ("own", "in_force"))
    told = f"Brier score {own:.3f} of the base rate's on what was held back, of the one in force {other:.3f}"
    if own < 1 <= other or (not speaks and other > 1):
        return True, f"{told}, which is no better than saying nothing"
    gains = np.concatenate([(one.in_force - one.own) / len(one.at) for one in lost])
    if _is_gain(gains, np.concatenate([one.at for one in lost])):
        return True, f"{told}, which is more than chance accounts for"
    return False, f"{told}: not better by more than chance; it runs beside and is compared"


def _mean(parts: Sequence[FloatArray]) -> float:
    return float(np.mean([part.mean() for part in parts]))


class _Known:
    """The moments of which it is known what came within a horizon, and enough of what was seen before it.

    They are the older ones, ``early``, and those held back, ``late``.
    """

    def __init__(
        self,
        moments: Moments,
        columns: Mapping[str, FloatArray],
        occurrences: Sequence[Occurrence],
        forecasts: FloatArray,
        horizon: timedelta,
        known_until: float | FloatArray,
    ) -> None:
        self.horizon = horizon
        self._occurrences = occurrences
        self._columns = columns
        self.moments, self.forecasts = moments, forecasts
        self.truth = came(moments, occurrences, horizon, known_until)
        known = np.flatnonzero(~np.isnan(self.truth))
        at = moments.at[known]
        cut = at[0] + (at[-1] - at[0]) * (1 - HELD_BACK) if len(at) else 0.0
        self.early = known[at + horizon.total_seconds() <= cut]
        self.late = known[at > cut]
        self.features = self._features()
        enough = is_known(columns, signals_of(self.features), len(moments))
        self.early, self.late = (part[enough[part]] for part in (self.early, self.late))

    def faults(self, part: IntArray) -> int:
        """Return how many faults came after some of the moments."""
        hosts = {name: number for number, name in enumerate(self.moments.hosts)}
        at, host, span = self.moments.at[part], self.moments.host[part], self.horizon.total_seconds()
        return sum(
            bool(((host == hosts.get(one.host, -1)) & (at < one.begin) & (at + span >= one.begin)).any())
            for one in self._occurrences
        )

    def _features(self) -> list[str]:
        """Return what was seen often enough to learn from."""
        return sorted(
            name
            for name, column in self._columns.items()
            if not name.startswith(THERE)
            and np.nan_to_num(column[self.early]).astype(bool).sum() >= _LEAST_SEEN
        )

    def rows(self, part: IntArray, features: Sequence[str]) -> FloatArray:
        """Return moments x features, NaN where nobody knows."""
        none = np.full(len(self.moments), np.nan)
        rows = [self._columns.get(name, none)[part] for name in features]
        return np.stack(rows, axis=1) if rows else np.empty((len(part), 0))

    def ask(self, foresight: Foresight) -> FloatArray:
        """Return what a foresight says at the moments that were held back."""
        return foresight.probabilities(self.rows(self.late, foresight.features))


def _train(known: _Known, folder: Path, before: Foresight | None) -> Judged:
    """Return what comes of training within a horizon; ``before`` is only compared with."""
    span = known.horizon.total_seconds()
    early, late = known.faults(known.early), known.faults(known.late)
    if early < LEAST_FAULTS or late < LEAST_HELD_BACK:
        why = (
            f"too few faults with a moment before them: {early} of at least {LEAST_FAULTS} in the older "
            f"three quarters of the time, {late} of at least {LEAST_HELD_BACK} in the newest; nothing is said"
        )
        return Judged(horizon_s=span, why=why)
    if not known.features:
        return Judged(
            horizon_s=span, why="nothing was seen of the hosts before their faults; nothing is said"
        )
    foresight = _fit(known, folder)
    return _weigh(known, foresight, _judge(known, foresight, before))


def _lost(known: _Known, judged: Judged, before: Foresight | None) -> _Lost:
    assert judged.foresight is not None
    assert judged.figures is not None
    part, base = known.late, judged.foresight.base
    weights = known.moments.weight[part] / known.moments.weight[part].mean() / judged.figures.brier_base

    def lost(foresight: Foresight | None) -> FloatArray:
        said = base if foresight is None else known.ask(foresight)
        loss: FloatArray = weights * (said - known.truth[part]) ** 2
        return loss

    own = judged.foresight if judged.worth_asking else None
    return _Lost(known.moments.at[part], lost(own), lost(before))


def _fit(known: _Known, folder: Path) -> Foresight:
    part = known.early
    table = Table(
        known.rows(part, known.features),
        known.truth[part].astype(np.intp),
        known.moments.weight[part],
        ("nothing", "failure"),
    )
    file = folder / ".trials.jsonl"
    file.unlink(missing_ok=True)
    try:
        best = search(_TRIED, table, Journal(file), _BUDGET_S, jobs=1)
    finally:
        file.unlink(missing_ok=True)
    said, places = predict_by_time(best, table)
    foretold = np.log(said[:, 1] / said[:, 0])
    odds, share = _steps(foretold, table.part(places))
    imputer, model = fit(best, table.rows, table.codes, table.weights)
    count = len(known.features)
    missing = np.zeros(count)
    missing[imputer.indicator_.features_] = model.coef_[0][count:]
    return Foresight(
        horizon_s=known.horizon.total_seconds(),
        features=known.features,
        weights=model.coef_[0][:count].tolist(),
        usual=imputer.statistics_.tolist(),
        missing=missing.tolist(),
        bias=float(model.intercept_[0]),
        odds=odds,
        came=share,
        base=float(np.average(table.codes, weights=table.weights)),
    )


def _steps(odds: FloatArray, table: Table) -> tuple[list[float], list[float]]:
    """Return log odds, rising, and which share came of answers about there: of each enough to tell."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(odds)
    came_by = np.cumsum(table.codes[order] == 1)
    each = max(_LEAST_STEP, int(np.ceil(came_by[-1] / _MOST_STEPS)))
    # counted from the top, where a few answers more or less say much
    step = (came_by[-1] - came_by) // each
    places = [order[step == one] for one in np.unique(step)[::-1]]
    at = [float(np.average(odds[mine], weights=table.weights[mine])) for mine in places]
    share = [float(np.average(table.codes[mine] == 1, weights=table.weights[mine])) for mine in places]
    weights = [float(table.weights[mine].sum()) for mine in places]
    # means of equal odds differ by rounding, and fall
    return np.maximum.accumulate(at).tolist(), isotonic_regression(share, weights=weights).x.tolist()


def _judge(known: _Known, foresight: Foresight, before: Foresight | None) -> Figures:
    part, said = known.late, known.ask(foresight)
    truth, weights = known.truth[part], known.moments.weight[part]
    others = _others(known, foresight.base)
    return Figures(
        moments=len(part),
        faults=known.faults(part),
        brier=_brier(said, truth, weights),
        brier_base=_brier(np.full(len(part), foresight.base), truth, weights),
        brier_forecasts=_brier(others, truth, weights),
        brier_in_force=_brier(known.ask(before), truth, weights) if before is not None else None,
        calibration=calibration(said, truth, weights),
    )


def _weigh(known: _Known, foresight: Foresight, figures: Figures) -> Judged:
    """Return whether a foresight is worth asking, and why, or why not."""
    part = known.late
    truth, weights = known.truth[part], known.moments.weight[part]
    own = (known.ask(foresight) - truth) ** 2
    lost = {
        "the base rate": (foresight.base - truth) ** 2,
        "forecasts of what is used up": (_others(known, foresight.base) - truth) ** 2,
    }
    worse = [
        name for name, other in lost.items() if not _is_gain(weights * (other - own), known.moments.at[part])
    ]
    told = (
        f"Brier score {figures.brier:.5f} on {figures.faults} faults that were held back, base rate "
        f"{figures.brier_base:.5f}, forecasts of what is used up {figures.brier_forecasts:.5f}"
    )
    if worse:
        told += f": not better than {' and '.join(worse)} by more than chance; nothing is said"
    judged = Judged(horizon_s=foresight.horizon_s, why=told, foresight=foresight, figures=figures)
    return replace(judged, worth_asking=not worse)


def _others(known: _Known, base: float) -> FloatArray:
    said = known.forecasts[known.late]
    others: FloatArray = np.where(np.isnan(said), base, said)
    return others


def _is_gain(gains: FloatArray, at: FloatArray) -> bool:
    """Return whether gains are there by more than two standard errors: moments of a day are alike."""
    _, day = np.unique(np.floor(at / _DAY_S), return_inverse=True)
    days = np.bincount(day, weights=gains)
    if len(days) < 3:
        return False
    return bool(days.mean() > 2 * days.std(ddof=1) / np.sqrt(len(days)))


def _brier(said: FloatArray, truth: FloatArray, weights: FloatArray) -> float:
    return float(np.average((said - truth) ** 2, weights=weights))


def calibration(said: FloatArray, truth: FloatArray, weights: FloatArray) -> list[Bin]:
    """Return what came of answers of about the same probability."""
    places = np.clip(np.digitize(said, _EDGES) - 1, 0, len(_EDGES) - 2)
    return [
        Bin(
            probability=float(np.average(said[mine], weights=weights[mine])),
            came=float(np.average(truth[mine], weights=weights[mine])),
            moments=float(weights[mine].sum()),
        )
        for place in np.unique(places).tolist()
        for mine in [places == place]
    ]
