"""Scores in, how many days one waits for a score as high as that out: the return period of each row.

The highest score of each quarter of a day of the last week tells it (``blockmaxima``): two faults a week make
no third one normal, and what comes every night, or in one sample of a thousand, is no news after a few times.
A row that is young has no such week. In its first two days the half hours of the last fourteen hours must say
too that a score is rare, and before there are any, nothing is: of what was seen for an hour nobody knows what
comes once in a month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from agent.detect.blockmaxima import BlockMaxima, Ordinary
from agent.detect.rows import Rows
from agent.records import BoolArray, FloatArray, IntArray

_QUARTER_DAY_S, _HALF_HOUR_S = 21_600.0, 1_800.0
_BLOCKS_A_DAY = 4
_YOUNG = 8  # quarters of a day
# of simulated and recorded series
_ORDINARY = Ordinary(middle=0.75, slope=0.2, blocks=2.0)
# chosen on random four hours and two days of the healthy time of asd-omi-1, -4, smd-1-6 and smd-3-4, and by
# how many faults put into them were found (``make bench-young``)
_ORDINARY_YOUNG = Ordinary(middle=0.6, slope=1.2, blocks=1.0)


class ReturnPeriods:
    """How rare scores are, of every row."""

    def __init__(self) -> None:
        self._week = BlockMaxima(_QUARTER_DAY_S, _ORDINARY)
        self._hours = BlockMaxima(_HALF_HOUR_S, _ORDINARY_YOUNG)

    @property
    def parts(self) -> Mapping[str, Rows]:
        """Return all that is known, by name."""
        return {"week": self._week.rows, "hours": self._hours.rows}

    @property
    def clocks(self) -> Sequence[int | None]:
        """Return which blocks are going on."""
        return [self._week.block, self._hours.block]

    @clocks.setter
    def clocks(self, kept: Sequence[int | None]) -> None:
        week, hours = kept
        self._week.block = None if week is None else int(week)
        self._hours.block = None if hours is None else int(hours)

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        self._week.fit_to(count)
        self._hours.fit_to(count)

    def days(self, scores: FloatArray) -> FloatArray:
        """Return after how many days scores as high come again, 0 where nothing can be told yet."""
        known = np.where(self._hours.blocks > 0, self._hours.days(scores), 0.0)
        result: FloatArray = self._week.days(scores)
        return np.where(self._young, np.minimum(result, known), result)

    def learn(self, scores: FloatArray, known: BoolArray, at: float, calm: BoolArray | None = None) -> None:
        """Take in the scores of a moment; strange ones too, since what comes often is no news.

        Of the half hours only those of ``calm`` rows: in so short a time
        a fault would be usual while it lasts.
        """
        self.fit_to(len(scores))
        self._week.learn(scores, known, at)
        self._hours.learn(scores, known if calm is None else known & calm, at)

    def accept(self, rows: IntArray) -> None:
        """Go by the last day alone: it is the new normal."""
        self._week.keep_last(rows, _BLOCKS_A_DAY)

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._week.rows.keep(rows)
        self._hours.rows.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Begin anew with these rows."""
        self._week.forget(rows)
        self._hours.forget(rows)

    @property
    def _young(self) -> BoolArray:
        result: BoolArray = self._week.blocks < _YOUNG
        return result
