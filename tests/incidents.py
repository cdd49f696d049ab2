"""Makes the past of an agent: incidents that are over, with what was seen and what people said it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import numpy as np

from agent.records import Incident, IncidentState
from agent.records.feedback import Feedback, FeedbackKind
from agent.store import Stores
from tests.make import candidate, incident, symptom


def past_incident(signals: Iterable[str], at: datetime) -> Incident:
    """Make one that was over after twenty minutes, in which nobody could name what these signals showed."""
    found = tuple(symptom(one, since=at) for one in signals)
    unsure = candidate("unknown", voters={"rule odd": 0.4}, confidence=0.4, symptoms=found)
    over = at + timedelta(minutes=20)
    times = {"opened_at": at, "updated_at": over, "last_seen_at": over, "closed_at": over}
    return incident(unsure, state=IncidentState.CLEARED, symptomatic=False, **times)


def past(
    count: int, signals: int, faults: int, begin: datetime, seed: int = 0, mistaken: float = 0.03
) -> Iterator[tuple[Incident, str]]:
    """Yield incidents an hour apart, and what each was called.

    A fault shows in a twelfth of the signals and in half of those of the fault before it; each is seen three
    times in four, and others by chance. A share of the names is ``mistaken``. The last fault is ``healthy``.
    """
    chance = np.random.default_rng(seed)
    own = chance.random((faults, signals)) < 1 / 12
    own |= np.roll(own, 1, axis=0) & (chance.random(own.shape) < 0.5)
    for number in range(count):
        fault = int(chance.integers(faults))
        shown = (own[fault] & (chance.random(signals) < 0.75)) | (chance.random(signals) < 0.02)
        called = int(chance.integers(faults)) if chance.random() < mistaken else fault
        names = [f"s{one}" for one in np.flatnonzero(shown)] or ["s0"]
        name = "healthy" if called == faults - 1 else f"fault{called}"
        yield past_incident(names, begin + timedelta(hours=number)), name


def keep_past(stores: Stores, incidents: Iterable[tuple[Incident, str]]) -> None:
    """Write incidents into a store, each with what somebody said that it was."""
    for one, fault in incidents:
        kept = stores.incidents.add(one, "opsmend")
        said = FeedbackKind.IT_WAS
        stores.feedback.add(
            Feedback(kind=said, author="ann", at=one.updated_at, incident_id=kept.id, fault=fault)
        )
