"""Business series and the times of incidents in, what the incidents cost out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agent.records.evidence import SeriesTable
from agent.records.metrics import BoolArray, FloatArray

_SLOT_S = 3600.0
_TRIALS = 500
_FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What one business series missed while incidents lasted, against the same hours without any.

    ``missed`` is in the series' unit times hours, negative where there was more than usual; ``share`` is
    that of what was to be expected. ``p`` is how often as much is missed at times chosen by chance.
    """

    series: str
    expected: float
    seen: float
    missed: float
    share: float
    p: float


def measure_impact(table: SeriesTable, spans: Sequence[tuple[float, timedelta]]) -> list[Impact]:
    """Compare each series during the spans (begin in unix seconds, length) with its usual course."""
    during = np.zeros(len(table.times), dtype=bool)
    for begin, lasted in spans:
        during |= (table.times >= begin) & (table.times <= begin + lasted.total_seconds())
    if during.sum() < _FEWEST or (~during).sum() < _FEWEST:
        return []
    rng = np.random.default_rng(0)
    step_h = float(np.median(np.diff(table.times))) / 3600
    hour = ((table.times % 86400) // _SLOT_S).astype(int)
    shifts = rng.integers(1, len(during), _TRIALS)
    found = []
    for row, name in enumerate(table.names):
        values = table.values[row]
        usual = _usual(values, hour, during)
        gap = usual - values
        missed = float(np.nansum(gap[during])) * step_h
        # the same pattern of incidents moved along: what would be missed if they had nothing to do with it
        by_chance = [abs(float(np.nansum(gap[np.roll(during, shift)]))) * step_h for shift in shifts]
        expected, seen = float(np.nansum(usual[during])) * step_h, float(np.nansum(values[during])) * step_h
        p = (1 + sum(other >= abs(missed) for other in by_chance)) / (1 + _TRIALS)
        share = missed / expected if expected else 0.0
        found.append(Impact(series=name, expected=expected, seen=seen, missed=missed, share=share, p=p))
    return sorted(found, key=lambda one: one.p)


def _usual(values: FloatArray, hour: FloatArray, during: BoolArray) -> FloatArray:
    """Return the median of the same hour of the day outside incidents, else the median of all."""
    quiet = ~during & ~np.isnan(values)
    overall = float(np.median(values[quiet])) if quiet.any() else np.nan
    usual: FloatArray = np.full(len(values), overall)
    for slot in range(24):
        own = quiet & (hour == slot)
        if own.sum() >= _FEWEST:
            usual[hour == slot] = np.median(values[own])
    return usual
