"""How far a series is away from its level now and then: what it did often enough is no news.

Robust estimates of spread are blind to what is rare: a series that rests at nothing and shows a pulse every
hour has no spread at all, and each pulse is strange without bounds. The root mean square over a long time
sees them: a height that one sample in a hundred has is ten times that, and one in a thousand thirty times.
So that no fault becomes normal by lasting, only the first samples of each excursion are counted; and so that
no single monster silences a series for days, what was never seen before counts as little.
"""

from __future__ import annotations

import numpy as np

from agent.detect.rows import Rows
from agent.records import BoolArray, FloatArray, IntArray

_MEMORY = 10_000  # samples after which an old one counts 1/e
_COUNTED = 10  # samples of an excursion
_FIRST_TIME = 30.0  # spreads that a sample may count which is further away than any before
_AWAY = 4.0  # spreads: an excursion
_OVER = 10  # samples near the level, after which an excursion is over
_RESTS = 10.0  # times the spread: a series that rests but for its excursions
_FIELDS = ("square", "relative", "furthest", "peak", "length", "calm")
_LARGEST = 1e100  # its square is a number still


class Habit:
    """The root mean square of each row's distance from its level, and the furthest that it was before.

    What it is shown are means of so many ``samples``.
    """

    def __init__(self, samples: int = 1) -> None:
        self._memory = _MEMORY / samples
        self._counted = max(_COUNTED // samples, 1)
        self._rows = Rows(**dict.fromkeys(_FIELDS, np.float64))

    def fit_to(self, count: int) -> None:
        """Make room for so many rows."""
        self._rows.fit_to(count)

    def widened(self, spread: FloatArray) -> FloatArray:
        """Return how far samples usually are from the level, rare ones among them: ``spread`` at least.

        The distances and the distances in spreads must both say so: what scatters more by day has no habit
        of being far away by night. Where there is next to no spread only the first has a meaning.
        """
        far, in_spreads = np.sqrt(self._rows["square"]), np.sqrt(self._rows["relative"])
        rests = far > _RESTS * spread
        result: FloatArray = np.maximum(spread, np.where(rests, far, np.minimum(far, in_spreads * spread)))
        return result

    def learn(self, distance: FloatArray, spread: FloatArray, known: BoolArray) -> FloatArray:
        """Take in how far the ``known`` samples are from their level; return what was usual until now."""
        square, relative, furthest, peak, length, calm = (self._rows[name] for name in _FIELDS)
        wide = self.widened(spread)
        size = np.minimum(np.abs(distance), _LARGEST)
        away = known & (size > _AWAY * wide)
        calm[:] = np.where(away, 0.0, calm + known)
        over = (length > 0) & (calm >= _OVER)
        furthest[over] = np.maximum(furthest[over], peak[over])
        peak[over] = length[over] = 0.0
        length += known & (away | (length > 0))
        peak[away] = np.maximum(peak[away], size[away])
        counted = known & (length <= self._counted)
        size = np.minimum(size, np.maximum(furthest, _FIRST_TIME * wide))
        square += np.where(counted, (size**2 - square) / self._memory, 0.0)
        relative += np.where(counted, ((size / spread) ** 2 - relative) / self._memory, 0.0)
        return wide

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of the rows."""
        self._rows.keep(rows)

    def forget(self, rows: IntArray) -> None:
        """Know nothing of these rows any more."""
        for name in _FIELDS:
            self._rows[name][rows] = 0.0
