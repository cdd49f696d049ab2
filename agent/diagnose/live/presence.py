"""Faults that are not seen any more in, whether they are over out: only what speaks against them says so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from agent.records import Alert, ArrivalKind, Candidate, Frame, Held, Symptom

_ARRIVED: tuple[ArrivalKind, ...] = ("alert", "log", "event")
_RECENT = 20  # samples from which the usual step is read
_PAUSE = 2.5  # usual steps; over a longer one nobody looked, and only the two looks themselves count


class Visibility:
    """Says whether a fault would be seen now if it were there; asked for thousands of faults at once."""

    def __init__(
        self,
        frame: Frame,
        held: Iterable[Held] = (),
        read_until: Mapping[ArrivalKind, datetime] | None = None,
        expired: Iterable[Alert] = (),
    ) -> None:
        """``held`` are faults that rules cannot tell; ``read_until`` says up to when what arrives was read.

        Where that is None they are taken for read until now. ``expired`` are alerts whose end proves
        nothing: nobody knows whether what they told of is over.
        """
        self.frame = frame
        self._held = {(one.fault, one.entity) for one in held}
        self._read_until = read_until
        self._expired = {(one.name, frozenset(one.labels.items())) for one in expired}
        self._rows: dict[str, dict[frozenset[tuple[str, str]], int]] = {}

    def is_blind(self, candidates: Iterable[Candidate]) -> bool:
        """Return whether anything that would show one of the candidates is missing now."""
        return any(
            one.key in self._held or any(self._is_missing(symptom) for symptom in one.symptoms)
            for one in candidates
        )

    def looked_at(self, candidate: Candidate, now: datetime) -> tuple[datetime, timedelta]:
        """Return when a fault was last looked at, and how far apart such looks usually are.

        A sample counts once, at its own time, however often it is polled; of several series the one that
        was sampled longest ago says when.
        """
        looks = [self._look(symptom, now) for symptom in candidate.symptoms]
        if not looks:
            return now, self._step()
        return min(at for at, _ in looks), max(step for _, step in looks)

    def _is_missing(self, symptom: Symptom) -> bool:
        kind = _arrival_kind(symptom)
        if kind is not None:
            unread = self._read_until is not None and kind not in self._read_until
            return unread or (symptom.source, frozenset(symptom.labels.items())) in self._expired
        if not self.frame.is_whole(symptom.source):
            return True
        row = self._row(symptom)
        return row is None or bool(np.isnan(self.frame.latest[row]))

    def _look(self, symptom: Symptom, now: datetime) -> tuple[datetime, timedelta]:
        kind = _arrival_kind(symptom)
        if kind is not None:
            return (self._read_until or {}).get(kind, now), self._step()
        row = self._row(symptom)
        if row is None:
            return now, self._step()
        times = self.frame.times[self.frame.samples(np.array([row]))[0]][-_RECENT:]
        if not len(times):
            return now, self._step()
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        return datetime.fromtimestamp(float(times[-1]), UTC), max(timedelta(seconds=step), self._step())

    def _step(self) -> timedelta:
        times = self.frame.times[-_RECENT:]
        return timedelta(seconds=float(np.median(np.diff(times)))) if len(times) > 1 else timedelta(0)

    def _row(self, symptom: Symptom) -> int | None:
        signal = symptom.source
        if signal not in self._rows:
            numbers = self.frame.rows.get(signal, ())
            series = self.frame.series
            self._rows[signal] = {frozenset(series[row].labels.items()): int(row) for row in numbers}
        return self._rows[signal].get(frozenset(symptom.labels.items()))


def _arrival_kind(symptom: Symptom) -> ArrivalKind | None:
    for kind in _ARRIVED:
        if symptom.kind == kind:
            return kind
    return None


@dataclass(slots=True)
class _Against:
    """For how long evidence has spoken against a fault, and when it last did without a gap since."""

    total: timedelta
    last: datetime | None


class Clearance:
    """Adds up for how long samples have spoken against the faults of incidents.

    Time in which nobody looked or the samples were missing counts for nothing, and after a restart it
    begins at zero: what was not looked at is not over. A fault that is seen again begins anew.
    """

    def __init__(self) -> None:
        self._against: dict[tuple[int, str, str], _Against] = {}

    def note_seen(self, incident_id: int, candidate: Candidate) -> None:
        """A fault is seen: whatever spoke against it was not the end of it."""
        self._against.pop((incident_id, *candidate.key), None)

    def is_over(
        self, incident_id: int, candidate: Candidate, shown: Visibility, now: datetime, keep_for: timedelta
    ) -> bool:
        """Take one look at a fault that is not seen; return whether it has been away for long enough."""
        known = self._against.setdefault((incident_id, *candidate.key), _Against(timedelta(0), None))
        if shown.is_blind([candidate]):
            known.last = None
            return False
        at, step = shown.looked_at(candidate, now)
        if known.last is not None:
            passed = max(at - known.last, timedelta(0))
            known.total += step if passed > _PAUSE * step else passed
        known.last = at if known.last is None else max(at, known.last)
        return known.total >= max(keep_for, candidate.lasts)

    def keep(self, incident_ids: Collection[int]) -> None:
        """Forget incidents that are over."""
        alive = frozenset(incident_ids)
        self._against = {key: one for key, one in self._against.items() if key[0] in alive}
