"""Histories of many entities in, their models out: trained side by side, each judged on what it had not seen.

The history is halved: members that learned from one half are tried on the other, healthy and with faults put
in. That tells how to fuse them; the members that are kept learn from all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from agent.detect.models.catalog import LSTM, make_member
from agent.detect.models.ensemble import Evidence, learn_fusion
from agent.detect.models.entitymodel import EntityModel, SeriesKey, scores_at
from agent.detect.models.features import FeaturePlan, learn_plan, make_features
from agent.detect.models.lstm import fit_together
from agent.detect.models.member import SEED, Stateful
from agent.detect.models.relations import Relations
from agent.detect.models.trials import with_faults
from agent.records import FloatArray, IntArray

LEAST_ROWS = 300
_JUDGED_ROWS = 6000  # healthy rows that calibrate at most
_LSTM_ROWS = 2000
_PRESENT = 0.5  # share of the series that must be there for a row to be learned from


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EntityHistory:
    """Rows x series of one entity, evenly spaced; ``roles`` are those of the series' signals."""

    entity: str
    keys: Sequence[SeriesKey]
    roles: Sequence[str]
    values: FloatArray
    times: FloatArray
    step_s: float


@dataclass(slots=True, kw_only=True, eq=False)
class _Draft:
    """What is known of an entity while it is being trained."""

    history: EntityHistory
    plan: FeaturePlan
    members: dict[str, Stateful]
    evidence: dict[str, Evidence]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tried:
    """Features of a history, as it was and with trial faults, and which rows are asked for of each."""

    healthy: FloatArray
    faulty: FloatArray
    judged: IntArray
    places: IntArray


def train_entities(
    histories: Sequence[EntityHistory],
    members: Sequence[str],
    false_alarms_per_day: float,
    jobs: int = 1,
    on_done: Callable[[str, int], None] = lambda phase, count: None,
) -> Iterator[EntityModel]:
    """Yield a model for each history. ``on_done`` hears the phase and how many entities it is through with.

    Raises ConfigError when a member cannot be made.
    """
    drafts = []
    for draft in _drafts(histories, [name for name in members if name != LSTM], jobs):
        drafts.append(draft)
        on_done("members", len(drafts))
    if LSTM in members and drafts:
        _add_lstm(drafts, on_done)
    for draft in drafts:
        yield _finished(draft, false_alarms_per_day)


def _drafts(histories: Sequence[EntityHistory], members: Sequence[str], jobs: int) -> Iterator[_Draft]:
    if jobs == 1 or len(histories) < 2:
        yield from (_draft(history, members) for history in histories)
        return
    # started anew: a fork of a process with threads may hang, and would hold the agent's memory
    with ProcessPoolExecutor(min(jobs, len(histories)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(_draft, histories, [members] * len(histories))


def _draft(history: EntityHistory, members: Sequence[str]) -> _Draft:
    plan = learn_plan(history.values, history.times, history.roles, history.step_s)
    draft = _Draft(history=history, plan=plan, members={}, evidence={})
    tried = _rows(draft)
    for name in members:
        halves = [make_member(name).fit(rows) for rows in _halves(tried.healthy)]
        draft.evidence[name] = _try(halves, tried)
        draft.members[name] = make_member(name).fit(tried.healthy)
    return draft


def _rows(draft: _Draft) -> _Tried:
    """Make features of the history, as it was and with trial faults, but for rows mostly missing."""
    history, plan = draft.history, draft.plan
    values, places = with_faults(history.values, _raw_scale(plan), SEED)
    kept = np.flatnonzero(np.isfinite(history.values).mean(1) >= _PRESENT)
    number = np.full(len(history.values), -1)
    number[kept] = np.arange(len(kept))
    places = number[places]
    return _Tried(
        healthy=make_features(plan, history.values, history.times)[kept],
        faulty=make_features(plan, values, history.times)[kept],
        judged=np.arange(max(len(kept) - _JUDGED_ROWS, 0), len(kept)),
        places=places[places >= 0],
    )


def _raw_scale(plan: FeaturePlan) -> FloatArray:
    """Return one scale in the samples as they come: a counter's is its rate's, counted."""
    return np.where(plan.counter, plan.scale * plan.step_s, plan.scale)


def _halves(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    return rows[: len(rows) // 2], rows[len(rows) // 2 :]


def _try(halves: Sequence[Stateful], tried: _Tried) -> Evidence:
    """Ask the model of the second half about the first half, and the other way round."""
    half = len(tried.healthy) // 2
    early, late = halves

    def ask(rows: FloatArray, places: IntArray) -> FloatArray:
        first, second = places[places < half], places[places >= half]
        return np.concatenate([scores_at(late, rows, first), scores_at(early, rows, second)])

    return Evidence(healthy=ask(tried.healthy, tried.judged), faulty=ask(tried.faulty, tried.places))


def _add_lstm(drafts: Sequence[_Draft], on_done: Callable[[str, int], None]) -> None:
    """Train the recurrent networks of all entities together: for each its two halves and the whole."""
    levels: list[FloatArray] = []
    for draft in drafts:
        own = _rows(draft).healthy[:, : len(draft.history.keys)]
        levels += [*_halves(own), own]
    models = fit_together(levels, lambda count: on_done(LSTM, count // 3))
    for draft in drafts:
        halves = [next(models), next(models)]
        tried = _rows(draft)
        stride = -(-len(tried.judged) // _LSTM_ROWS)
        evidence = _try(halves, replace(tried, judged=tried.judged[::stride]))
        # the others' rows are as many: between those that were asked the score hardly moves
        healthy = np.repeat(evidence.healthy, stride)[: len(tried.judged)]
        draft.evidence[LSTM] = replace(evidence, healthy=healthy)
        draft.members[LSTM] = next(models)


def _finished(draft: _Draft, false_alarms_per_day: float) -> EntityModel:
    history = draft.history
    rows = _rows(draft).healthy
    return EntityModel(
        entity=history.entity,
        keys=history.keys,
        plan=draft.plan,
        members=draft.members,
        fusion=learn_fusion(draft.evidence, history.step_s, false_alarms_per_day),
        relations=Relations().fit(rows[:, : len(history.keys)]),
    )
