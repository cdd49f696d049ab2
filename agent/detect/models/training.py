"""Histories of many entities in, their models out: trained side by side, each judged on what it had not seen.

Members that learned from the first half of a history are tried on the second, healthy and with faults put in.
That tells how to fuse them, and where healthy times end; the members that are kept learn from all of it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

import numpy as np

from agent.detect.models.catalog import LSTM, make_member
from agent.detect.models.cleaning import worth_learning
from agent.detect.models.ensemble import Evidence, learn_fusion
from agent.detect.models.entitymodel import ROWS, EntityModel, SeriesKey, scores_at
from agent.detect.models.features import FeaturePlan, learn_plan, make_features
from agent.detect.models.lstm import fit_together
from agent.detect.models.member import SEED, Stateful
from agent.detect.models.relations import Relations
from agent.detect.models.trials import with_faults
from agent.endwith import end_with
from agent.records import FloatArray, IntArray

LEAST_ROWS = 300
_LSTM_ROWS = 2000  # healthy rows that calibrate: windows cost more than rows
_PRESENT = 0.5  # share of the series that must be there for a row to be learned from
_TOGETHER = 32  # entities whose recurrent networks are trained at once

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EntityHistory:
    """Rows x series of one entity, evenly spaced."""

    entity: str
    keys: Sequence[SeriesKey]
    values: FloatArray
    step_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tried:
    """Features of a history: ``healthy`` as it was, ``faulty`` of its later part with trial faults put in.

    ``judged`` are rows of the one, ``places`` the faulty rows of the other. Rows before the first that is
    judged are what members learn from while they are tried.
    """

    healthy: FloatArray
    faulty: FloatArray
    judged: IntArray
    places: IntArray

    @property
    def early(self) -> FloatArray:
        """Return the rows to learn from."""
        return self.healthy[: int(self.judged[0])] if len(self.judged) else self.healthy


@dataclass(slots=True, kw_only=True, eq=False)
class _Draft:
    """What is known of an entity while it is being trained."""

    history: EntityHistory
    plan: FeaturePlan
    members: dict[str, Stateful]
    evidence: dict[str, Evidence]
    relations: Relations
    tried: _Tried


def train_entities(
    histories: Iterable[EntityHistory],
    members: Sequence[str],
    jobs: int = 1,
    on_done: Callable[[int], None] = lambda count: None,
) -> Iterator[EntityModel]:
    """Yield a model for each history. ``on_done`` hears how many entities are done.

    Raises ConfigError when a member cannot be made.
    """
    alone = [name for name in members if name != LSTM]
    # started anew: a fork of a process with threads may hang, and would hold its memory
    pool = None
    if jobs > 1:
        spawn = get_context("spawn")
        pool = ProcessPoolExecutor(jobs, mp_context=spawn, initializer=end_with, initargs=(os.getpid(),))
    with pool if pool is not None else nullcontext():
        if LSTM in members:
            drafts = _in_order(pool, partial(_draft, members=alone), histories, 2 * jobs)
            models = _with_lstm(drafts)
        else:
            train = partial(_train, members=alone)
            models = _in_order(pool, train, histories, 2 * jobs)
        for done, model in enumerate(models, 1):
            yield model
            on_done(done)


def _in_order(
    pool: Executor | None,
    work: Callable[[EntityHistory], Result],
    histories: Iterable[EntityHistory],
    ahead: int,
) -> Iterator[Result]:
    """Yield what ``work`` makes of each history; ``ahead`` of them are read while processes are at work."""
    if pool is None:
        yield from map(work, histories)
        return
    at_work: deque[Future[Result]] = deque()
    for history in histories:
        at_work.append(pool.submit(work, history))
        if len(at_work) > ahead:
            yield at_work.popleft().result()
    while at_work:
        yield at_work.popleft().result()


def _with_lstm(drafts: Iterator[_Draft]) -> Iterator[EntityModel]:
    while some := list(islice(drafts, _TOGETHER)):
        _add_lstm(some)
        yield from (_finished(draft) for draft in some)


def _train(history: EntityHistory, members: Sequence[str]) -> EntityModel:
    return _finished(_draft(history, members))


def _draft(history: EntityHistory, members: Sequence[str]) -> _Draft:
    plan = learn_plan(history.values, history.step_s)
    tried = _rows(history, plan)
    draft = _Draft(
        history=history,
        plan=plan,
        members={},
        evidence={},
        relations=Relations().fit(tried.healthy),
        tried=tried,
    )
    for name in members:
        draft.evidence[name] = _try(make_member(name).fit(tried.early), tried)
        draft.members[name] = make_member(name).fit(tried.healthy)
    return draft


def _rows(history: EntityHistory, plan: FeaturePlan) -> _Tried:
    """Make features of the history, as it was and with trial faults, of rows worth learning from."""
    features = make_features(plan, history.values)
    kept = np.flatnonzero(np.isfinite(history.values).mean(1) >= _PRESENT)
    kept = kept[worth_learning(features[kept])]
    half = len(kept) // 2
    first = max(half - ROWS, 0)  # members look back
    later = kept[first:]
    begin = max(int(later[0]) - ROWS, 0) if len(later) else len(history.values)
    values, places = with_faults(history.values, plan.raw_scale, SEED)
    faulty = make_features(plan, values[begin:])
    number = np.full(len(history.values), -1)
    number[kept] = np.arange(len(kept))
    places = number[places]
    return _Tried(
        healthy=features[kept],
        faulty=faulty[later - begin],
        judged=np.arange(half, len(kept)),
        places=places[places >= half] - first,
    )


def _try(member: Stateful, tried: _Tried, stride: int = 1) -> Evidence:
    """Ask a member that learned from the early rows about the later ones, every so many of them."""
    healthy = scores_at(member, tried.healthy, tried.judged[::stride])
    # as many as the others give: between two rows that were asked the score hardly moves
    healthy = np.repeat(healthy, stride)[: len(tried.judged)]
    return Evidence(healthy=healthy, faulty=scores_at(member, tried.faulty, tried.places))


def _add_lstm(drafts: Sequence[_Draft]) -> None:
    """Train the recurrent networks of some entities together: one that is tried and one that is kept each."""
    tried = [draft.tried for draft in drafts]
    models = fit_together([rows for one in tried for rows in (one.early, one.healthy)])
    for draft, one in zip(drafts, tried, strict=True):
        stride = max(-(-len(one.judged) // _LSTM_ROWS), 1)
        draft.evidence[LSTM] = _try(next(models), one, stride)
        draft.members[LSTM] = next(models)


def _finished(draft: _Draft) -> EntityModel:
    history = draft.history
    return EntityModel(
        entity=history.entity,
        keys=history.keys,
        plan=draft.plan,
        members=draft.members,
        fusion=learn_fusion(draft.evidence),
        relations=draft.relations,
    )
