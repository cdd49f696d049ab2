"""Many incidents in, what they have in common out: over time, over place, and which come together.

Every statement carries a p-value: how likely chance alone would bring it. They are judged together
(Benjamini and Hochberg 1995), because whoever looks at a hundred things finds five at p = 0.05.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

_FALSE_SHARE = 0.05  # of what is called significant may be chance
_TOGETHER = timedelta(minutes=10)
_FEWEST = 5  # incidents; from fewer nothing is concluded
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFact:
    """What patterns need of an incident. ``places`` are what it can be sorted by: host, zone, site."""

    id: int
    fault: str
    entity: str
    opened_at: datetime
    lasted: timedelta
    places: tuple[tuple[str, str], ...] = ()

    @property
    def what(self) -> str:
        """Return fault and entity as one name."""
        return f"{self.fault} on {self.entity}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One statement. ``kind`` is trend, rhythm, place or together; ``value`` its size, see the text."""

    kind: str
    subject: str
    text: str
    value: float
    p: float
    significant: bool = False


def find_patterns(facts: Sequence[IncidentFact], begin: datetime, end: datetime) -> list[Pattern]:
    """Return what the incidents between two times have in common, the least likely by chance first."""
    facts = [one for one in facts if begin <= one.opened_at <= end]
    if len(facts) < _FEWEST:
        return []
    found = [
        *_trends(facts, begin, end),
        *_rhythms(facts),
        *_places(facts),
        *_together(facts, begin, end),
    ]
    return mark_significant(found)


def mark_significant(patterns: Sequence[Pattern]) -> list[Pattern]:
    """Mark the patterns that hold when all are judged together, and sort by p."""
    ordered = sorted(patterns, key=lambda one: one.p)
    holds = 0
    for place, one in enumerate(ordered, 1):
        if one.p <= _FALSE_SHARE * place / len(ordered):
            holds = place
    return [replace(one, significant=place < holds) for place, one in enumerate(ordered)]


def per_day(facts: Iterable[IncidentFact], begin: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """Return how many incidents opened on each day (UTC), days without any included."""
    first = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    counts = Counter((one.opened_at.astimezone(UTC) - first).days for one in facts)
    days = max(1, math.ceil((end - first).total_seconds() / _DAY_S))
    return [(first + timedelta(days=day), counts.get(day, 0)) for day in range(days)]


def _trends(facts: Sequence[IncidentFact], begin: datetime, end: datetime) -> Iterable[Pattern]:
    for subject, own in [("all incidents", list(facts)), *_by_fault(facts)]:
        counts = [count for _, count in per_day(own, begin, end)]
        if len(counts) < _FEWEST or len(own) < _FEWEST:
            continue
        slope, p = mann_kendall(counts)
        word = "more" if slope > 0 else "fewer"
        text = f"{subject}: {word} and {word} ({slope:+.2f} a day, from day to day)"
        yield Pattern(kind="trend", subject=subject, text=text, value=slope, p=p)


def _rhythms(facts: Sequence[IncidentFact]) -> Iterable[Pattern]:
    cycles = (("hour of the day", _DAY_S, 24, "{:02.0f}:00 UTC"), ("day of the week", 7 * _DAY_S, 7, ""))
    for subject, own in [("all incidents", list(facts)), *_by_fault(facts)]:
        if len(own) < _FEWEST:
            continue
        for name, period, parts, form in cycles:
            strength, phase, p = rayleigh([one.opened_at.timestamp() for one in own], period)
            # the Unix epoch was a Thursday
            shown = form.format(phase * parts) if form else _WEEKDAYS[(int(phase * 7) + 3) % 7]
            text = f"{subject}: mostly at one {name}, about {shown} (strength {strength:.2f})"
            yield Pattern(kind="rhythm", subject=subject, text=text, value=strength, p=p)


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _places(facts: Sequence[IncidentFact]) -> Iterable[Pattern]:
    sorted_by: dict[str, Counter[str]] = defaultdict(Counter)
    for one in facts:
        for label, value in one.places:
            sorted_by[label][value] += 1
    for label, counts in sorted_by.items():
        total, share = sum(counts.values()), 1 / len(counts)
        if len(counts) < 2:
            continue
        for value, count in counts.items():
            expected = total * share
            if count <= expected:
                continue
            text = f"{label} {value}: {count} incidents where {expected:.1f} would be its share"
            yield Pattern(
                kind="place",
                subject=f"{label} {value}",
                text=text,
                value=count / expected,
                p=binomial_tail(count, total, share),
            )


def _together(facts: Sequence[IncidentFact], begin: datetime, end: datetime) -> Iterable[Pattern]:
    """Find what opens shortly after something else more often than two independent things would."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for one in sorted(facts, key=lambda one: one.opened_at):
        times[one.what].append(one.opened_at)
    often = {what: own for what, own in times.items() if len(own) >= 3}
    span = max((end - begin).total_seconds(), 1.0)
    for first, firsts in often.items():
        for second, seconds in often.items():
            if first == second:
                continue
            lags = [
                min((after for at in seconds if (after := (at - one).total_seconds()) >= 0), default=math.inf)
                for one in firsts
            ]
            near = sorted(lag for lag in lags if lag <= _TOGETHER.total_seconds())
            if len(near) < 2:
                continue
            chance = 1 - math.exp(-len(seconds) * _TOGETHER.total_seconds() / span)
            lag = near[len(near) // 2]
            yield Pattern(
                kind="together",
                subject=f"{first} → {second}",
                text=f"{second} follows {first} in {len(near)} of {len(firsts)} cases, after {lag:.0f} s",
                value=len(near) / len(firsts),
                p=binomial_tail(len(near), len(firsts), chance),
            )


def _by_fault(facts: Sequence[IncidentFact]) -> list[tuple[str, list[IncidentFact]]]:
    groups: dict[str, list[IncidentFact]] = defaultdict(list)
    for one in facts:
        groups[one.fault].append(one)
    return list(groups.items())


def mann_kendall(values: Sequence[float]) -> tuple[float, float]:
    """Return the least-squares slope per step and p of the two-sided Mann-Kendall test, ties corrected."""
    size = len(values)
    gaps = [values[j] - values[i] for i in range(size) for j in range(i + 1, size)]
    score = sum((gap > 0) - (gap < 0) for gap in gaps)
    ties = sum(count * (count - 1) * (2 * count + 5) for count in Counter(values).values())
    variance = (size * (size - 1) * (2 * size + 5) - ties) / 18
    middle = (size - 1) / 2
    slope = sum((i - middle) * value for i, value in enumerate(values)) / (size * (size**2 - 1) / 12)
    if variance <= 0:
        return 0.0, 1.0
    z = (abs(score) - 1) / math.sqrt(variance) if score else 0.0
    return slope, math.erfc(max(z, 0.0) / math.sqrt(2))


def rayleigh(times_s: Sequence[float], period_s: float) -> tuple[float, float, float]:
    """Return strength (0..1), phase (0..1 of the period) and p of the Rayleigh test for one rhythm."""
    angles = [2 * math.pi * (time % period_s) / period_s for time in times_s]
    x, y = (sum(map(f, angles)) / len(angles) for f in (math.cos, math.sin))
    strength = math.hypot(x, y)
    size = len(angles)
    power = size * strength**2
    # Mardia and Jupp 2000, formula 6.3.5
    p = math.exp(math.sqrt(1 + 4 * size + 4 * (size**2 - (size * strength) ** 2)) - (1 + 2 * size))
    return strength, (math.atan2(y, x) / (2 * math.pi)) % 1.0, min(1.0, p if power else 1.0)


def binomial_tail(hits: int, size: int, chance: float) -> float:
    """Return how likely at least so many hits are by chance."""
    if chance <= 0:
        return 0.0 if hits else 1.0
    if chance >= 1:
        return 1.0
    log_chance, log_miss = math.log(chance), math.log1p(-chance)
    terms = (
        math.lgamma(size + 1)
        - math.lgamma(k + 1)
        - math.lgamma(size - k + 1)
        + k * log_chance
        + (size - k) * log_miss
        for k in range(hits, size + 1)
    )
    return min(1.0, sum(math.exp(term) for term in terms))
