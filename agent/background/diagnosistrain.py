"""Settings in, a trained diagnosis on the shelf out: what the store knows of past incidents is gathered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from agent.background.places import open_fault_shelf
from agent.background.training import Progress, alone
from agent.config.settings import Settings
from agent.diagnose.naming.fingerprint import features_of_symptoms
from agent.learn.faults.examples import HEALTHY, Example
from agent.learn.faults.labels import label_of, symptoms_of
from agent.learn.faults.training import Trained, train_faults
from agent.records.cases import PastCase, PastIncident
from agent.records.feedback import Feedback, FeedbackKind
from agent.store import open_stores

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # when what somebody wrote down was


def run_diagnosis_training(settings: Settings, on_progress: Callable[[Progress], None]) -> Trained:
    """Train as the settings say.

    Raises ModelError when there is too little to learn from, ConfigError when the rules are wrong,
    ConflictError when another training is at work, StoreError.
    """
    section = settings.learn.diagnosis
    shelf = open_fault_shelf(settings)
    with alone(shelf.folder):
        return train_faults(
            shelf,
            lambda: gather_examples(settings),
            datetime.now(UTC),
            section.budget,
            min(section.jobs, os.cpu_count() or 1) if section.jobs else -1,
            lambda phase, done, of: on_progress(Progress(phase, done, of)),
            section.dask,
        )


def gather_examples(settings: Settings) -> list[Example]:
    """Return what there is to learn from: incidents, what people said was no anomaly, cases written down.

    Raises ConfigError when the rules are wrong, StoreError.
    """
    from agent.config import load_cases, load_rules

    book = load_rules(settings.paths.rules)
    examples = list(of_cases(load_cases(settings.paths.rules, book.faults)))
    if settings.database.exists():
        stores = open_stores(settings.database, upgrade=False)
        try:
            examples += [*of_incidents(stores.cases.past()), *of_feedback(stores.feedback.list())]
        finally:
            stores.close()
    # what the catalogue does not know any more nobody could do anything about
    return [one for one in examples if one.fault in book.faults or one.fault == HEALTHY]


def of_incidents(past: Iterable[PastIncident]) -> Iterator[Example]:
    """Yield an example for each incident whose fault is known."""
    for one in past:
        label = label_of(one)
        features = features_of_symptoms(symptoms_of(one, label.entity)) if label is not None else {}
        if label is not None and features:
            yield Example(
                id=f"incident_{one.incident.id}",
                at=one.incident.opened_at,
                fault=label.fault,
                origin=label.origin,
                features=features,
                weight=label.weight,
            )


def of_feedback(said: Sequence[Feedback]) -> Iterator[Example]:
    """Yield a healthy example for each anomaly that somebody called none."""
    for one in said:
        if one.kind is FeedbackKind.NO_ANOMALY and one.signal:
            seen: Mapping[str, float] = {f"signal:{one.signal}": 1.0, f"anomaly:{one.signal}": 1.0}
            yield Example(id=f"feedback_{one.id}", at=one.at, fault=HEALTHY, origin="person", features=seen)


def of_cases(cases: Iterable[PastCase]) -> Iterator[Example]:
    """Yield an example for each case that somebody wrote down of what a live agent sees."""
    for case in cases:
        features = {name: clarity for name, clarity in case.fingerprint.items() if name.startswith("signal:")}
        if features:
            yield Example(
                id=f"case_{case.id}",
                at=_LONG_AGO,
                fault=case.fault,
                origin="case",
                features=features,
                weight=case.weight,
            )
