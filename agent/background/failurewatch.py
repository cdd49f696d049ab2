"""The trained foresight and what is known of hosts now in, words about failures ahead in the store out.

They are told, and nothing is ever done because of them. Each is kept with what was said first until its time
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
from agent.learn.failures.shelf import ForesightShelf, ForesightTraining
from agent.log import Logger
from agent.records.failures import FailureWord
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
        self._refused = ""

    def look(self) -> None:
        """Say anew how likely hosts are to fail, and judge what is over. Raises SourceError, StoreError."""
        training, spoken = self._training(), self._stores.failures.open()
        last, now = self._stores.failures.last_look(), self._now()
        if training is None and not spoken:
            if last is not None and last.unknown:
                self._stores.failures.keep([], [], [], now, unknown=())
            return
        occurrences = occurrences_in(self._stores, _LATELY)
        judged = judge_without_a_look(spoken, occurrences, last, now)
        self._stores.failures.keep([], [], judged.items(), now)
        spoken = [one for one in spoken if one.id not in judged]
        asked = _Asked(
            training.name if training else "",
            [one.foresight for one in training.horizons if one.in_force and one.foresight]
            if training
            else (),
        )
        signals = [one for id_, one in self._signals().items() if id_ in asked.signals]
        seen = look_for_hosts(self._source, signals or self._signals().values())
        broken = {one.host for one in occurrences if one.begin <= now.timestamp() <= one.end}
        words = {
            (one.host, one.horizon): one for one in self._say(asked, signals, seen, broken, occurrences, now)
        }
        hosts = {*seen.hosts, *(one.said.host for one in spoken)} - broken
        unknown = {(host, one.horizon) for host in hosts for one in asked.foresights} - words.keys()
        over = judge_by_a_look(spoken, seen.hosts, unknown, last, now)
        spoken = [one for one in spoken if one.id not in over]
        known = {one.said.key for one in spoken}
        self._stores.failures.keep(
            [one for key, one in words.items() if key not in known],
            now_of(spoken, {key: one.probability for key, one in words.items()}),
            over.items(),
            now,
            unknown,
        )

    def _training(self) -> ForesightTraining | None:
        try:
            training = self._shelf.current()
        except ModelError as error:
            if str(error) != self._refused:
                log.warning("trained foresight refused; nothing is said of failures ahead", why=str(error))
            self._refused = str(error)
            return None
        self._refused = ""
        return training if training is not None and any(one.in_force for one in training.horizons) else None

    def _say(
        self,
        asked: _Asked,
        signals: Sequence[Signal],
        seen: Seen,
        broken: Collection[str],
        occurrences: Sequence[Occurrence],
        now: datetime,
    ) -> Iterator[FailureWord]:
        """Yield a word for each host of which enough is known. Raises SourceError."""
        hosts = [host for host in seen.hosts if host not in broken]
        if not hosts or not asked.foresights:
            return
        count = len(hosts)
        moments = Moments(hosts, np.arange(count), np.full(count, now.timestamp()), np.ones(count))
        columns = {
            **from_metrics(self._source, signals, moments, seen.series),
            **from_store(self._stores, moments, occurrences)[0],
        }
        unknown = np.full(count, np.nan)
        for one in asked.foresights:
            rows = np.stack([columns.get(name, unknown) for name in one.features], axis=1)
            said = one.probabilities(rows).tolist()
            for place in np.flatnonzero(is_known(columns, signals_of(one.features), count)).tolist():
                yield FailureWord(
                    host=hosts[place],
                    horizon=one.horizon,
                    probability=said[place],
                    base=one.base,
                    training=asked.training,
                    at=now,
                    because=one.reasons(rows[place]),
                )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A training and what of it is asked."""

    training: str
    foresights: Sequence[Foresight]

    @property
    def signals(self) -> set[str]:
        return signals_of(name for one in self.foresights for name in one.features)
