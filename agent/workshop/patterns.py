"""What the store holds of incidents in, what came again and again and nobody named out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from agent.diagnose.naming.fingerprint import similarity
from agent.learn.recurring import groups_of, occasions, shared
from agent.meaning.workload import workload_of
from agent.records import Incident, Symptom
from agent.records.cases import Fingerprint, PastIncident
from agent.records.feedback import FeedbackKind

FEWEST_TIMES = 3
"""Occasions, more than an hour apart, on which a pattern must have shown."""
_NOBODY_KNOWS = frozenset({"unknown", "unknown_alert", None})
_FEWEST_WORDS = 2  # of people who say that it was one fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Incidents that nobody could name and that show the same, oldest first.

    ``shared`` is what nearly all of them show, ``alike`` how much any two have in common on the average,
    ``times`` on how many occasions they came. ``called`` is the fault that people said most of them were.
    """

    id: str
    past: Sequence[PastIncident]
    shared: Fingerprint
    alike: float
    times: int
    called: str

    @property
    def incidents(self) -> list[Incident]:
        """Return the incidents."""
        return [one.incident for one in self.past]

    def sources(self, kind: str) -> list[str]:
        """Return which alerts, or signals of a ``high`` or ``low`` direction, nearly all of them show."""
        return [name.partition(":")[2] for name in self.shared if name.startswith(f"{kind}:")]


def find_patterns(past: Iterable[PastIncident]) -> list[Pattern]:
    """Return the patterns among incidents, the largest first."""
    unnamed = {one.incident.id: one for one in past if one.incident.fault in _NOBODY_KNOWS}
    shown = {number: features_of(one.incident) for number, one in unnamed.items()}
    found = []
    for group in groups_of(shown, similarity):
        own = sorted((unnamed[number] for number in group), key=lambda one: one.incident.opened_at)
        times = occasions([one.incident.opened_at for one in own])
        if times >= FEWEST_TIMES:
            found.append(_pattern(own, [shown[number] for number in group], times))
    return found


def symptoms_of(incident: Incident) -> list[Symptom]:
    """Return everything that was seen in an incident, each once."""
    candidates = incident.diagnosis.candidates
    seen: list[Symptom] = []
    for symptom in (one for candidate in candidates for one in candidate.symptoms):
        if symptom not in seen:
            seen.append(symptom)
    return seen


def features_of(incident: Incident) -> Fingerprint:
    """Return what an incident shows, as it is compared: nothing of it names one host.

    Those are its signals and alerts (``signal:latency_p95``), of what kind they are or in which direction
    (``alert:RaidDegraded``, ``high:latency_p95``), and what it is on (``workload:cart``, ``on:host``).
    """
    features: dict[str, float] = {}
    for symptom in symptoms_of(incident):
        features[f"signal:{symptom.source}"] = 1.0
        kind = "alert" if symptom.kind == "alert" else symptom.direction
        if kind:
            features[f"{kind}:{symptom.source}"] = 1.0
        features[_on(symptom.labels)] = 1.0
    return features


def _on(labels: Mapping[str, str]) -> str:
    workload = workload_of(labels)
    if workload is not None:
        return f"workload:{workload['workload']}"
    return next((f"on:{name}" for name in ("service", "host") if labels.get(name)), "on:other")


def _pattern(own: Sequence[PastIncident], shown: Sequence[Fingerprint], times: int) -> Pattern:
    pairs = [similarity(one, other) for one, other in combinations(shown[:50], 2)]
    common = shared(shown)
    told = repr(sorted(common) or [one.incident.id for one in own]).encode("utf-8", "surrogatepass")
    return Pattern(
        id=hashlib.blake2b(told, digest_size=4).hexdigest(),
        past=tuple(own),
        shared=common,
        alike=sum(pairs) / len(pairs) if pairs else 1.0,
        times=times,
        called=_called(own),
    )


def _called(own: Sequence[PastIncident]) -> str:
    """Return the fault that people said it was, where nobody says another and two incidents are so called."""
    words = Counter(
        next((said.fault for said in one.said if said.kind is FeedbackKind.IT_WAS), "") for one in own
    )
    words.pop("", None)
    if len(words) != 1:
        return ""
    (fault, count), *_ = words.most_common()
    return fault if count >= _FEWEST_WORDS and fault not in _NOBODY_KNOWS else ""
