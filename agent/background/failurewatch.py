"""The trained foresight and what is known of hosts now in, words about failures ahead in the store out.

They are told, and nothing is ever done because of them; what a training says that only runs beside is not
even told. Each is kept with what was said first until its time
is over, and judged by whether a fault began on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from agent.background.failurefacts import Seen, from_metrics, from_store, look_for_hosts, occurrences_in
from agent.background.failurejudging import judge_by_a_look, judge_without_a_look, now_of
from agent.background.history import HistorySource
from agent.config.rulefiles import Signal
from agent.errors import ModelError
from agent.learn.failures.features import is_known, signals_of
from agent.learn.failures.model import Foresight
from agent.learn.failures.moments import Moments, Occurrence
from agent.learn.failures.shelf import ForesightShelf
from agent.log import Logger
from agent.records import FloatArray
from agent.records.failures import FailureForecast, FailureKey, FailureLook, FailureWord
from agent.store import Stores

log = Logger("failures")

_LATELY = 2000  # incidents: those of the last week count


class FailureWatch:
    """Asks the foresight in force, keeps what it says, and judges what it said."""

    def __init__(
        self,
        shelf: ForesightShelf,
        source: HistorySource,
        signals: Callable[[], Mapping[str, Signal]],
        stores: Stores,
        now: Callable[[], datetime],
    ) -> None:
        self._shelf = shelf
        self._source = source
        self._signals = signals
        self._stores = stores
        self._now = now
        self._refused: dict[bool, str] = {}
        self._beside: FailureLook | None = None

    def look(self) -> None:
        """Say anew how likely hosts are to fail, and judge what is over. Raises SourceError, StoreError."""
        store, asked = self._stores.failures, [self._asked(beside) for beside in (False, True)]
        spoken = [*store.open(), *store.open(beside=True)]
        last, now = store.last_look(), self._now()
        if not any(one.foresights for one in asked) and not spoken:
            if last is not None and last.unknown:
                store.keep([], [], [], now, unknown=())
            return
        occurrences = occurrences_in(self._stores, _LATELY)
        judged = judge_without_a_look(spoken, occurrences, last, now)
        store.keep([], [], judged.items(), now)
        spoken = [one for one in spoken if one.id not in judged]
        used = {name for one in asked for name in one.signals}
        signals = [one for id_, one in self._signals().items() if id_ in used]
        seen = look_for_hosts(self._source, signals or self._signals().values())
        broken = {one.host for one in occurrences if one.begin <= now.timestamp() <= one.end}
        words = list(self._say(asked, signals, seen, broken, occurrences, now))
        hosts = {*seen.hosts, *(one.said.host for one in spoken)} - broken
        told = self._keep(asked[0], spoken, words, seen.hosts, hosts, last, now)
        self._keep(asked[1], spoken, words, seen.hosts, hosts, self._beside, now, told)

    def _keep(
        self,
        asked: _Asked,
        spoken: Sequence[FailureForecast],
        words: Sequence[FailureWord],
        seen: Collection[str],
        hosts: Collection[str],
        last: FailureLook | None,
        now: datetime,
        waits: Collection[FailureKey] = (),
    ) -> Collection[FailureKey]:
        """Keep what one training says of ``hosts``, and what became of its words; return what is still open.

        What is said beside ``waits`` for what is told, so that both are of the same times.
        """
        own = [one for one in spoken if one.said.beside == asked.beside]
        said = {one.key: one for one in words if one.beside == asked.beside}
        unknown = {(host, one.horizon) for host in hosts for one in asked.foresights} - said.keys()
        over = judge_by_a_look(own, seen, unknown, last, now)
        own = [one for one in own if one.id not in over]
        known = {one.said.key for one in own}
        self._stores.failures.keep(
            [one for key, one in said.items() if key not in known and key not in waits],
            now_of(own, {key: one.probability for key, one in said.items()}),
            over.items(),
            now,
            None if asked.beside else unknown,
        )
        if asked.beside:
            self._beside = FailureLook(at=now, unknown=frozenset(unknown))
        return known

    def _asked(self, beside: bool) -> _Asked:
        """Return what is asked of the training in force, or of the one beside it."""
        try:
            training = self._shelf.shadow() if beside else self._shelf.current()
            found = self._shelf.load(training) if training is not None else []
        except ModelError as error:
            if str(error) != self._refused.get(beside):
                log.warning("trained foresight refused; nothing is said by it", beside=beside, why=str(error))
            self._refused[beside] = str(error)
            return _Asked("", (), beside)
        self._refused.pop(beside, None)
        asked = [one.foresight for one in found if one.foresight and (one.worth_asking or beside)]
        return _Asked(training.name if training is not None else "", asked, beside)

    def _say(
        self,
        asked: Sequence[_Asked],
        signals: Sequence[Signal],
        seen: Seen,
        broken: Collection[str],
        occurrences: Sequence[Occurrence],
        now: datetime,
    ) -> Iterator[FailureWord]:
        """Yield a word for each host of which enough is known. Raises SourceError."""
        hosts = [host for host in seen.hosts if host not in broken]
        if not hosts or not any(one.foresights for one in asked):
            return
        count = len(hosts)
        moments = Moments(hosts, np.arange(count), np.full(count, now.timestamp()), np.ones(count))
        columns = {
            **from_metrics(self._source, signals, moments, seen.series),
            **from_store(self._stores, moments, occurrences)[0],
        }
        for speaker in asked:
            for one in speaker.foresights:
                yield from _words(speaker, one, hosts, columns, now)


def _words(
    asked: _Asked,
    foresight: Foresight,
    hosts: Sequence[str],
    columns: Mapping[str, FloatArray],
    now: datetime,
) -> Iterator[FailureWord]:
    unknown = np.full(len(hosts), np.nan)
    rows = np.stack([columns.get(name, unknown) for name in foresight.features], axis=1)
    said = foresight.probabilities(rows).tolist()
    for place in np.flatnonzero(is_known(columns, signals_of(foresight.features), len(hosts))).tolist():
        yield FailureWord(
            host=hosts[place],
            horizon=foresight.horizon,
            probability=said[place],
            base=foresight.base,
            training=asked.training,
            at=now,
            because=foresight.reasons(rows[place]),
            beside=asked.beside,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A training and what of it is asked."""

    training: str
    foresights: Sequence[Foresight]
    beside: bool

    @property
    def signals(self) -> set[str]:
        return signals_of(name for one in self.foresights for name in one.features)
