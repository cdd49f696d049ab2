"""What detection and diagnosis give: anomalies, symptoms, diagnoses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Literal, get_args

from agent.quantity import format_quantity, format_value
from agent.records.forecasts import Remaining

Kind = Literal[
    "spike",
    "dip",
    "level_shift",
    "trend",
    "variance_change",
    "lost_seasonality",
    "flat_line",
    "missing_data",
    "correlated_shift",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A scored, typed, explained deviation of one series of an entity.

    ``score`` is how many times as rare as asked it was at its strangest; ``confidence`` lies in 0..1.
    ``expected_low`` and ``expected_high``
    bound what would have been normal, in the signal's unit. It began at ``since`` and was sure enough to be
    opened at ``opened_at``. ``contributors`` are other signals that are anomalous on the entity, the
    strongest first; ``query`` is the PromQL that shows the series. ``observed`` is NaN when samples are
    missing.
    """

    entity: str
    signal: str
    labels: Mapping[str, str]
    kind: str
    score: float
    confidence: float
    opened_at: datetime
    since: datetime
    observed: float
    expected_low: float
    expected_high: float
    contributors: tuple[str, ...] = ()
    query: str = ""
    unit: str = ""
    layer: str = "series"  # or entity: all series of the entity together, ``signal`` the strangest of them

    @property
    def id(self) -> str:
        """Return what people call it by, the same for as long as it is open, and after a restart."""
        # an entity's names change with its strongest series
        series = (self.signal, *sorted(self.labels.items())) if self.layer == "series" else ()
        known_by = repr((self.layer, self.entity, self.opened_at.timestamp(), *series))
        return blake2b(known_by.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()

    @property
    def direction(self) -> str:
        """Return ``high`` or ``low``, or nothing where it lies between or is not there."""
        return (
            "high"
            if self.observed > self.expected_high
            else "low"
            if self.observed < self.expected_low
            else ""
        )

    @property
    def text(self) -> str:
        """Return what is seen and what would have been normal, in words."""
        what = f"{self.signal} of {format_value(self.entity)}"
        if self.layer == "entity":
            what = f"{format_value(self.entity)} as a whole is unlike itself: {self.signal}"
        kind = self.kind.replace("_", " ")
        if self.kind == "missing_data":
            return f"{what} has no samples any more ({kind})"
        seen, low, high = (
            format_quantity(value, self.unit)
            for value in (self.observed, self.expected_low, self.expected_high)
        )
        return f"{what} is {seen}; {low} to {high} would be normal ({kind})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One fact about an incident, in words, with its numbers.

    ``source`` is the signal or alert it comes from and ``labels`` say which series of it. ``direction`` is
    ``high`` or ``low`` where it is a value that lies so, and empty where that is not known.
    """

    kind: str  # threshold, absence, anomaly
    source: str
    entity: str
    text: str
    since: datetime
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    value: float | None = None
    direction: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Whether anybody suffers from a fault: what shows it, and of what else what was found.

    ``seen`` are sentences about who suffers. ``unseen`` is what was looked at and showed nobody, ``unknown``
    why something could not be looked at. All empty: nothing says what harm of this fault looks like.
    """

    seen: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def __or__(self, other: Harm) -> Harm:
        """Return what two findings say together."""
        return Harm(
            seen=tuple(dict.fromkeys(self.seen + other.seen)),
            unseen=tuple(dict.fromkeys(self.unseen + other.unseen)),
            unknown=tuple(dict.fromkeys(self.unknown + other.unknown)),
        )

    @property
    def text(self) -> str:
        """Return who suffers, or that nobody does, or why nobody can tell, in one sentence.

        >>> Harm(unseen=("web1 has processor time left",)).text
        'nobody suffers from it: web1 has processor time left'
        """
        if self.seen:
            return "; ".join(self.seen)
        if self.unknown:
            return f"nobody can tell whether anybody suffers from it: {'; '.join(self.unknown)}"
        if self.unseen:
            return f"nobody suffers from it: {'; '.join(self.unseen)}"
        return "nobody can tell whether anybody suffers from it: no rule says what that would look like"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One fault that may be the trouble, with how sure we are and why.

    ``labels`` are the labels the evidence agrees on; targets and parameters are read from them.
    ``identity`` are those of them that name the entity. What speaks against the fault must do so for
    ``lasts`` before it counts as over, as long as the rule itself waits. An incident that holds the
    candidate says since when (``joined_at``) and when it was last seen (``seen_at``). ``harm`` is whether
    anybody suffers from it. ``foreseen`` is how long it takes until the fault is there, and None where it is.
    """

    fault: str
    entity: str
    confidence: float
    voters: Mapping[str, float]
    evidence: tuple[str, ...]
    symptoms: tuple[Symptom, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    support: tuple[str, ...] = ()  # what else is strange there; no rule names it, so nothing rests on it
    identity: Mapping[str, str] = field(default_factory=dict)
    lasts: timedelta = timedelta(0)
    joined_at: datetime | None = None
    seen_at: datetime | None = None
    harm: Harm = Harm()
    foreseen: Remaining | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Return fault and entity: what makes it the same finding at the next poll."""
        return self.fault, self.entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A rule that would name a fault if what it rules out were known: neither seen nor gone."""

    rule: str
    fault: str
    entity: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What rules make of a moment: what they name, and what they cannot tell for want of data."""

    candidates: tuple[Candidate, ...] = ()
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Ranked candidates, the best first. Empty means unknown."""

    candidates: tuple[Candidate, ...] = ()

    @property
    def best(self) -> Candidate | None:
        """Return the likeliest fault, or None when the diagnosis is unknown."""
        return self.candidates[0] if self.candidates else None

    @property
    def harm(self) -> Harm:
        """Return whether anybody suffers from what was seen at the last look: the fault or its effects.

        What effects say counts where somebody suffers from them; that nobody does from one proves little.
        """
        if self.best is None:
            return Harm()
        looks = [one.seen_at for one in self.candidates if one.seen_at is not None]
        now = [one for one in self.candidates if not looks or one.seen_at == max(looks)]
        own = self.best.harm if self.best in now else Harm(unknown=("it was not seen at the last look",))
        seen = tuple(text for one in now if one is not self.best for text in one.harm.seen)
        return own | Harm(seen=seen)
