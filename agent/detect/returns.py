"""Scores in, how many days one waits for a score as high as that out: the return period of each row.

Of every row the highest score of each quarter of a day is kept for a week (block maxima, Gumbel 1958). A
score is placed by two of them: the middle one, which half of the blocks reach, and the third highest, which
was reached on three occasions; between and beyond, the logarithm of the return period rises in a straight
line. So two faults a week make no third one normal, and what comes every night, or in one sample of a
thousand, is no news after a few times. A row that is young is placed with a few blocks of an ordinary series.
"""

from __future__ import annotations

import numpy as np

from agent.detect.rows import Rows
from agent.records import BoolArray, FloatArray, IntArray

BLOCK_S = 21_600.0  # a quarter of a day
BLOCKS = 28
_BLOCKS_A_DAY = 4
_ORDINARY_MIDDLE = 0.75  # of simulated and recorded series, by ``make bench-coverage``
_ORDINARY_SLOPE = 0.2  # of the score, by which the return period grows e-fold
_ORDINARY_BLOCKS = 2.0  # that count for it
_LEAST_SLOPE = 0.05
_MOST_LOG = 12.0  # e-folds: what is rarer is as rare


class ReturnPeriods:
    """The highest scores of the last week's quarter days, of every row."""

    def __init__(self) -> None:
        self.rows = Rows(
            highest=(np.float32, BLOCKS),
            now=np.float64,
            seen=np.bool_,
            blocks=np.float64,
            middle=np.float64,
            slope=np.float64,
        )
        self.block: int | None = None

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        before = len(self.rows)
        if count != before:
            self.rows.fit_to(count)
            self._forget(np.arange(before, count))

    def days(self, scores: FloatArray) -> FloatArray:
        """Return after how many days scores as high come again."""
        steps = (scores - self.rows["middle"]) / self.rows["slope"]
        result: FloatArray = 2.0 / _BLOCKS_A_DAY * np.exp(np.minimum(steps, _MOST_LOG))
        return result

    def level(self, days: float) -> FloatArray:
        """Return the scores that come again after so many days."""
        steps = np.log(days * _BLOCKS_A_DAY / 2.0)
        result: FloatArray = self.rows["middle"] + self.rows["slope"] * steps
        return result

    def learn(self, scores: FloatArray, known: BoolArray, at: float) -> None:
        """Take in the scores of a moment; strange ones too, since what comes often is no news."""
        self.fit_to(len(scores))
        block = int(at // BLOCK_S)
        if self.block is not None and block != self.block:
            self._end_block()
        self.block = block
        rows = self.rows
        rows["now"][:] = np.where(known, np.maximum(rows["now"], scores), rows["now"])
        rows["seen"][:] |= known

    def accept(self, rows: IntArray) -> None:
        """Go by the last day alone: it is the new normal."""
        self.rows["highest"][_BLOCKS_A_DAY:, rows] = -np.inf
        self.rows["blocks"][rows] = np.minimum(self.rows["blocks"][rows], _BLOCKS_A_DAY)
        self._place(rows[self.rows["blocks"][rows] > 0])

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self.rows.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Begin anew with these rows."""
        self._forget(rows[rows < len(self.rows)])

    def _forget(self, rows: IntArray) -> None:
        self.rows.forget(rows)
        self.rows["highest"][:, rows] = -np.inf
        self.rows["now"][rows] = -np.inf
        self.rows["middle"][rows] = _ORDINARY_MIDDLE
        self.rows["slope"][rows] = _ORDINARY_SLOPE

    def _end_block(self) -> None:
        rows = self.rows
        seen = rows["seen"].copy()
        highest = rows["highest"]
        highest[1:, seen] = highest[:-1, seen]
        highest[0, seen] = rows["now"][seen]
        rows["blocks"][:] = np.minimum(rows["blocks"] + seen, BLOCKS)
        rows["now"][:] = -np.inf
        rows["seen"][:] = False
        self._place(np.flatnonzero(seen))

    def _place(self, which: IntArray) -> None:
        """Place rows by their blocks: the middle, and how fast scores grow towards the third highest."""
        ordered = np.sort(self.rows["highest"][:, which], axis=0)[::-1].astype(np.float64)
        blocks = self.rows["blocks"][which]
        columns = np.arange(len(which))
        half = (blocks - 1) / 2
        middle = (
            ordered[np.floor(half).astype(np.intp), columns] + ordered[np.ceil(half).astype(np.intp), columns]
        ) / 2
        rank = np.clip(np.ceil(blocks / 8), 1, 3)  # the third of a week, the highest of two days
        high = ordered[rank.astype(np.intp) - 1, columns]
        period = (blocks + 0.33) / (rank - 0.33)
        slope = (high - middle) / np.log(np.maximum(period / 2.0, 1.5))
        weight = blocks / (blocks + _ORDINARY_BLOCKS)
        self.rows["middle"][which] = weight * middle + (1 - weight) * _ORDINARY_MIDDLE
        self.rows["slope"][which] = np.maximum(weight * slope + (1 - weight) * _ORDINARY_SLOPE, _LEAST_SLOPE)
