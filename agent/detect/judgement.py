"""A moment's samples of all series in, how strange each of them is out.

The one place where the parts are asked in order: what was foreseen (``predictor``), how far off that was
(``scores``), how rare so high a score is (``returns``), and whether anything is silent (``silence``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.detect.calendar import Calendars
from agent.detect.predictor import Predictor
from agent.detect.returns import ReturnPeriods
from agent.detect.rows import Rows
from agent.detect.scores import Scores
from agent.detect.silence import Absence, Stillness
from agent.records import BoolArray, FloatArray, IntArray

_SCORED = 10  # samples after which a score means something
_SETTLED = 0.35  # of the square root of the days that make a row strange: hysteresis


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moment:
    """Samples (NaN where there is no new one) at a time; ``due`` rows should have one.

    ``rows`` are those of each signal that was answered in whole; ``side`` is 1 where only high is bad, -1
    where only low is, else 0; differences up to ``tolerance`` mean nothing; ``calm`` rows have no anomaly
    open; ``wanted_days`` is the return period that makes a row strange, times ``weight``, by what people
    said.
    """

    at: float
    values: FloatArray
    due: BoolArray
    rows: Mapping[str, IntArray]
    side: FloatArray
    tolerance: FloatArray
    calm: BoolArray
    wanted_days: FloatArray
    weight: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """How strange each row is.

    ``days`` is how long one waits for a ``score`` as high, 0 where nothing can be told. ``strength`` is how
    many times as rare it is as would be just strange enough; ``judged`` rows can be told from
    normal, ``settled`` ones are normal. ``level`` and ``spread`` are what was usual. ``still`` and ``absent``
    rows are silent. Of ``mature`` rows a season is known.
    """

    score: FloatArray
    days: FloatArray
    strength: FloatArray
    judged: BoolArray
    settled: BoolArray
    level: FloatArray
    spread: FloatArray
    still: BoolArray
    absent: BoolArray
    mature: BoolArray


class SeriesJudge:
    """What is known of every row."""

    def __init__(self, calendars: Calendars, warm_up: int, missing_after: int) -> None:
        self._warm_up = warm_up
        self.predictor = Predictor(calendars)
        self.scores = Scores()
        self.returns = ReturnPeriods()
        self.stillness = Stillness(warm_up)
        self.absence = Absence(missing_after)

    @property
    def parts(self) -> Mapping[str, Rows]:
        """Return all that is known of rows but their seasons, by name."""
        return {
            "predictor": self.predictor.rows,
            "scores": self.scores.rows,
            **{f"returns_{name}": rows for name, rows in self.returns.parts.items()},
            "stillness": self.stillness.rows,
            "absence": self.absence.rows,
            "slot": self.predictor.season.now,
        }

    @property
    def clocks(self) -> Mapping[str, Any]:
        """Return which slot and which blocks are going on."""
        return {"slot": self.predictor.season.slot, "blocks": self.returns.clocks}

    @clocks.setter
    def clocks(self, kept: Mapping[str, Any]) -> None:
        slot = kept["slot"]
        self.predictor.season.slot = None if slot is None else int(slot)
        self.returns.clocks = kept["blocks"]

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        for part in (
            self.predictor,
            self.scores.rows,
            self.returns,
            self.stillness.rows,
            self.absence.rows,
        ):
            part.fit_to(count)

    def look(self, moment: Moment) -> Judgement:
        """Judge a moment's samples, and learn from them."""
        known = np.isfinite(moment.values)
        errors = self.predictor.look(moment.values, moment.calm, moment.at)
        score = self.scores.look(errors, moment.side, moment.tolerance, moment.calm)
        self.returns.fit_to(len(score))
        # a row with an anomaly open was told from normal once, and learns nothing until it closes
        told = errors.known & ((self.predictor.count >= self._warm_up) | ~moment.calm)
        days = np.where(told, self.returns.days(score), 0.0)
        # what is usual is learned before anything is judged by it
        scored = errors.known & (self.predictor.count >= _SCORED)
        self.returns.learn(score, scored, moment.at, moment.calm)
        still = self.stillness.look(moment.values, moment.calm)
        absent = self.absence.look(known, moment.due, moment.calm, moment.rows)
        still, absent = still / moment.weight, absent / moment.weight
        wanted = moment.wanted_days * moment.weight
        strength = np.maximum(days / wanted, still)
        return Judgement(
            score=score,
            days=days,
            strength=np.where(told, strength, absent),
            judged=told | (absent >= 1),
            settled=told & (days < _SETTLED * np.sqrt(wanted)) & (still < 0.5),
            level=errors.level,
            spread=errors.spread,
            still=told & (still >= 1) & (still >= strength),
            absent=absent >= 1,
            mature=errors.seasonal,
        )

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        for part in (self.predictor, self.scores, self.returns, self.stillness.rows, self.absence.rows):
            part.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Learn rows from the beginning: what they show now is the new normal."""
        for part in (self.predictor, self.scores):
            part.forget(rows)
        self.stillness.rows.forget(rows)
        self.absence.rows.forget(rows, "present", "count", "gap")
