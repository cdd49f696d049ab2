"""The newest look at the cluster, held for those who ask between polls what it shows of an incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from agent.clock import Clock
from agent.diagnose import Visibility
from agent.records import Anomaly, ArrivalKind, Arrivals, Candidate, Frame, Held, Incident, Moment, Symptom

_BY_SENDER: dict[str, ArrivalKind] = {"alert": "alert", "log": "log", "event": "event"}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the newest frame shows, and what is concluded from it and from what arrived by itself.

    ``kept`` are the incidents whose records hold what is concluded: of another, written by somebody else in
    that moment, the record is older than the view. ``asked_s`` is when the source was asked for the frame,
    by our monotonic clock.
    """

    frame: Frame
    anomalies: Sequence[Anomaly] = ()
    candidates: Sequence[Candidate] = ()
    held: Sequence[Held] = ()
    arrivals: Arrivals | None = None
    kept: frozenset[int] = frozenset()
    asked_s: float = 0.0


class LatestView:
    """Holds the newest view."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._view: View | None = None
        self._answered: View | None = None  # the newest with an answer of the source in it

    def set(self, view: View) -> None:
        """Replace the view."""
        self._view = view
        if view.frame.answered:
            self._answered = view

    def symptoms_gone(self, incident: Incident, since: Moment) -> bool | None:
        """Return whether an incident's symptoms are gone in what was seen since a moment.

        None when what would show them was not looked at since, or not in whole.
        """
        view, treated = self._view, _treated(incident)
        if view is None or not self.seen_since(incident, since):
            return None
        named = {one.key for one in treated}
        if any(one.key in named for one in view.candidates):
            return False
        arrivals = view.arrivals
        expired = arrivals.expired_alerts if arrivals is not None else ()
        shown = Visibility(view.frame, view.held, expired=expired)
        return None if shown.is_blind(treated) else True

    def seen_since(self, incident: Incident, since: Moment) -> bool:
        """Return whether all that an incident's symptoms are told by was seen since a moment."""
        if self._view is None or incident.id not in self._view.kept:
            return False
        symptoms = [symptom for one in _treated(incident) for symptom in one.symptoms]
        return all(self._was_seen(symptom, since) for symptom in symptoms)

    def source_time(self) -> datetime | None:
        """Return what time it is at the source of metrics, or a little later: the poll began before."""
        view = self._answered
        if view is None:
            return None
        return view.frame.at + timedelta(seconds=self._clock.monotonic() - view.asked_s)

    def _was_seen(self, symptom: Symptom, since: Moment) -> bool:
        view = self._view
        if view is None:
            return False
        kind = _BY_SENDER.get(symptom.kind)
        if kind is not None:
            until = view.arrivals.read_until.get(kind) if view.arrivals is not None else None
            return until is not None and until > since.own
        if symptom.source not in view.frame.answered:
            return False
        return since.source is None or _is_newer(symptom, view.frame, since.source.timestamp())


def _treated(incident: Incident) -> list[Candidate]:
    """Return what a run treats: effects have time until the cause is gone, they are on their own then."""
    return [one for one in incident.diagnosis.candidates if one.entity == incident.entity]


def _is_newer(symptom: Symptom, frame: Frame, moment_s: float) -> bool:
    """Return whether a symptom's series has a sample of its own that was not there yet at a moment.

    What came to a poll may have been scraped before it; what came since the last poll was not.
    """
    row = frame.find(symptom.source, symptom.labels)
    missing = row is None or bool(np.isnan(frame.latest[row]))
    if missing or frame.sampled is None:
        return bool(frame.times[-1] > moment_s)
    own = frame.sampled[row].nonzero()[0]
    before = own[own > 0] - 1
    return bool(len(before) and frame.times[before[-1]] >= moment_s)
