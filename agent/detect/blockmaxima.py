"""The highest scores of the last spans of time of one length in, how rare any score is by them out.

Of every row the highest score of each block is kept (block maxima, Gumbel 1958). A score is placed by two of
them: the middle one, which half of the blocks reach, and the third highest of 28, which was reached on three
occasions; between and beyond, the logarithm of the return period rises in a straight line. A row with few
blocks is placed by them and by as much of an ordinary series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.detect.rows import Rows
from agent.records import BoolArray, FloatArray, IntArray

BLOCKS = 28
_DAY_S = 86_400.0
_LEAST_SLOPE = 0.12  # a calm week does not make a little more rare
_MOST_LOG = 12.0  # e-folds: what is rarer is as rare


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordinary:
    """What stands in for blocks that a row does not have yet.

    ``slope`` is by how much of the score the return period grows e-fold;
    ``blocks`` is for how many it counts.
    """

    middle: float
    slope: float
    blocks: float


class BlockMaxima:
    """The highest scores of the last blocks of ``length_s`` seconds, of every row."""

    def __init__(self, length_s: float, ordinary: Ordinary) -> None:
        self._length_s = length_s
        self._a_day = _DAY_S / length_s
        self._ordinary = ordinary
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

    @property
    def blocks(self) -> FloatArray:
        """Return how many blocks each row has been seen in, those that are over."""
        result: FloatArray = self.rows["blocks"]
        return result

    def days(self, scores: FloatArray) -> FloatArray:
        """Return after how many days scores as high come again."""
        steps = (scores - self.rows["middle"]) / self.rows["slope"]
        result: FloatArray = 2.0 / self._a_day * np.exp(np.minimum(steps, _MOST_LOG))
        return result

    def learn(self, scores: FloatArray, known: BoolArray, at: float) -> None:
        """Take in the scores of a moment; strange ones too, since what comes often is no news."""
        block = int(at // self._length_s)
        if self.block is not None and block != self.block:
            self._end_block()
        self.block = block
        rows = self.rows
        rows["now"][:] = np.where(known, np.maximum(rows["now"], scores), rows["now"])
        rows["seen"][:] |= known

    def keep_last(self, rows: IntArray, blocks: int) -> None:
        """Go by the last blocks alone."""
        self.rows["highest"][blocks:, rows] = -np.inf
        self.rows["blocks"][rows] = np.minimum(self.rows["blocks"][rows], blocks)
        self._place(rows[self.rows["blocks"][rows] > 0])

    def forget(self, rows: IntArray) -> None:
        """Begin anew with these rows."""
        self._forget(rows[rows < len(self.rows)])

    def _forget(self, rows: IntArray) -> None:
        self.rows.forget(rows)
        self.rows["highest"][:, rows] = -np.inf
        self.rows["now"][rows] = -np.inf
        self.rows["middle"][rows] = self._ordinary.middle
        self.rows["slope"][rows] = self._ordinary.slope

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
        rank = np.clip(np.ceil(blocks / 8), 1, 3)  # the third of all, the highest of the first eight
        high = ordered[rank.astype(np.intp) - 1, columns]
        period = (blocks + 0.33) / (rank - 0.33)
        slope = (high - middle) / np.log(np.maximum(period / 2.0, 1.5))
        ordinary = self._ordinary
        weight = blocks / (blocks + ordinary.blocks)
        self.rows["middle"][which] = weight * middle + (1 - weight) * ordinary.middle
        self.rows["slope"][which] = np.maximum(weight * slope + (1 - weight) * ordinary.slope, _LEAST_SLOPE)
