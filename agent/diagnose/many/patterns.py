"""Many incidents in, what they have in common out: over time, over place, and which come together.

Every statement carries a p-value: how likely chance alone would bring it, where chance knows what is no
finding: a place with ten services has ten times the incidents of one with a single service, what comes every
night comes near everything else that does, and what breaks ten times in a day broke once. They are judged
together (Benjamini and Hochberg 1995), because whoever looks at a hundred things finds five at p = 0.05.
Each statement needs a minimum of time behind it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

_FALSE_SHARE = 0.05  # of what is called significant may be chance
_TOGETHER = timedelta(minutes=10)
_FEWEST = 5  # incidents, and days or weeks with any; from fewer nothing is concluded
_DAY_S = 86400.0
_WEEK = timedelta(days=7)  # less tells neither a trend nor what follows what
_MOST_SHIFTS = 30  # days by which one series of incidents is moved against another
_CYCLES = 4  # of a rhythm at least, whether anything opened in them or not


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
        *_rhythms(facts, begin, end),
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
        counts = _whole_days(own, begin, end)
        if len(counts) < _WEEK.days or sum(counts) < _FEWEST:
            continue
        slope, p = mann_kendall(counts)
        word = "more" if slope > 0 else "fewer"
        text = f"{subject}: {word} and {word} ({slope:+.2f} a day, from day to day)"
        yield Pattern(kind="trend", subject=subject, text=text, value=slope, p=p)


def _whole_days(facts: Sequence[IncidentFact], begin: datetime, end: datetime) -> list[int]:
    """Return how many incidents opened in each 24 hours from the beginning on; a rest is left out."""
    days = int((end - begin).total_seconds() // _DAY_S)
    counts = Counter((one.opened_at - begin).days for one in facts)
    return [counts.get(day, 0) for day in range(days)]


def _rhythms(facts: Sequence[IncidentFact], begin: datetime, end: datetime) -> Iterable[Pattern]:
    cycles = (("hour of the day", _DAY_S, 24, "{:02.0f}:00 UTC"), ("day of the week", 7 * _DAY_S, 7, ""))
    for subject, own in [("all incidents", list(facts)), *_by_fault(facts)]:
        for name, period, parts, form in cycles:
            moments = _one_a_cycle([one.opened_at.timestamp() for one in own], period)
            if len(moments) < _FEWEST or (end - begin).total_seconds() < _CYCLES * period:
                continue
            strength, phase, p = rayleigh(moments, period)
            # the Unix epoch was a Thursday
            shown = form.format(phase * parts % parts) if form else _WEEKDAYS[(int(phase * 7) + 3) % 7]
            text = f"{subject}: mostly at one {name}, about {shown} (strength {strength:.2f})"
            yield Pattern(kind="rhythm", subject=subject, text=text, value=strength, p=p)


def _one_a_cycle(times_s: Sequence[float], period_s: float) -> list[float]:
    """Return the middle (on the circle) of each cycle: a burst is one event, however many it opens."""
    cycles: dict[int, list[float]] = defaultdict(list)
    for time in times_s:
        cycles[int(time // period_s)].append(2 * math.pi * (time % period_s) / period_s)
    middles = (math.atan2(sum(map(math.sin, own)), sum(map(math.cos, own))) for own in cycles.values())
    return [middle / (2 * math.pi) % 1.0 * period_s for middle in middles]


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _places(facts: Sequence[IncidentFact]) -> Iterable[Pattern]:
    """Compare places by the days on which something broke there, against what there is to break."""
    events: dict[str, Counter[str]] = defaultdict(Counter)
    exposed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    seen: set[tuple[str, str, str, object]] = set()
    for one in facts:
        for label, value in one.places:
            event = (label, value, one.what, one.opened_at.date())
            events[label][value] += event not in seen
            seen.add(event)
            exposed[label][value].add(one.entity)
    for label, counts in events.items():
        total, entities = sum(counts.values()), sum(map(len, exposed[label].values()))
        if len(counts) < 2 or total < _FEWEST:
            continue
        for value, count in counts.items():
            share = len(exposed[label][value]) / entities
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
    """Find what opens shortly after something else more often than it does at the same hour of other days."""
    if end - begin < _WEEK:
        return
    times: dict[str, list[float]] = defaultdict(list)
    for one in sorted(facts, key=lambda one: one.opened_at):
        times[one.what].append((one.opened_at - begin).total_seconds())
    often = {what: own for what, own in times.items() if len(own) >= 3}
    span = (end - begin).total_seconds()
    for first, firsts in often.items():
        for second, seconds in often.items():
            lags = [] if first == second else sorted(filter(None, _lags(firsts, seconds)))
            if len(lags) < 2:
                continue
            lag = lags[len(lags) // 2]
            yield Pattern(
                kind="together",
                subject=f"{first} → {second}",
                text=f"{second} follows {first} in {len(lags)} of {len(firsts)} cases, after {lag:.0f} s",
                value=len(lags) / len(firsts),
                p=binomial_tail(len(lags), len(firsts), _chance(firsts, seconds, span)),
            )


def _lags(firsts: Sequence[float], seconds: Sequence[float]) -> list[float | None]:
    """Return after how many seconds the next second came after each first; None where it came too late."""
    lags: list[float | None] = []
    for one in firsts:
        place = bisect_left(seconds, one)
        lag = seconds[place] - one if place < len(seconds) else math.inf
        lags.append(lag if lag <= _TOGETHER.total_seconds() else None)
    return lags


def _chance(firsts: Sequence[float], seconds: Sequence[float], span_s: float) -> float:
    """Return how often a second is near a first of another day: what both do at one hour proves nothing.

    Only days on which there was a second tell at which hours it comes.
    """
    base = 1 - math.exp(-len(seconds) * _TOGETHER.total_seconds() / span_s)
    days = int(span_s // _DAY_S)
    busy = {int(one // _DAY_S) for one in seconds}
    moved = [
        at
        for shift in range(1, min(days, _MOST_SHIFTS + 1))
        for one in firsts
        if int(at := (one + shift * _DAY_S) % (days * _DAY_S)) // _DAY_S in busy
    ]
    hits = sum(lag is not None for lag in _lags(moved, seconds))
    return max(base, (hits + base) / (len(moved) + 1))


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
