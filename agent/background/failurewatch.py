"""The trained foresight and what is known of hosts now in, words about failures ahead in the store out.

They are told, and nothing is ever done because of them. Each is kept with what was said first until its time
is over, and judged by whether a fault began on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from agent.background.failurefacts import from_metrics, from_store, hosts_seen, occurrences_in, used_signals
from agent.background.history import HistorySource
from agent.config.rulefiles import Signal
from agent.errors import ModelError
from agent.learn.failures.model import Foresight
from agent.learn.failures.moments import Moments, Occurrence
from agent.learn.failures.shelf import ForesightShelf, ForesightTraining
from agent.log import Logger
from agent.records.failures import FailureForecast, FailureState, FailureWord
from agent.store import Stores

log = Logger("failures")

_LATELY = 2000  # incidents: those of the last week count
_LATE = timedelta(minutes=15)  # until an incident has a name


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
        if training is None and not spoken:
            return
        now = self._now()
        occurrences = occurrences_in(self._stores, _LATELY)
        came = {one.id: FailureState.CAME for one in spoken if _came(one, occurrences)}
        self._stores.failures.keep([], [], came.items(), now)  # also where the source does not answer
        foresights = (
            [one.foresight for one in training.horizons if one.in_force and one.foresight] if training else []
        )
        signals = list(used_signals(self._signals(), {name for one in foresights for name in one.features}))
        hosts = hosts_seen(self._source, signals or self._signals().values())
        spoken = [one for one in spoken if one.id not in came]
        over = {one.id: _ended(one, hosts) for one in spoken if _is_over(one, now)}
        known = {(one.said.host, one.said.horizon): one for one in spoken if one.id not in over}
        words = (
            list(self._say(training.name, foresights, signals, hosts, occurrences, now)) if training else []
        )
        said = {(one.host, one.horizon): one.probability for one in words}
        self._stores.failures.keep(
            [one for one in words if (one.host, one.horizon) not in known],
            # of what nothing is said any more no more is known than at any time
            [(was.id, said.get(key, was.said.base)) for key, was in known.items()],
            over.items(),
            now,
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
        training: str,
        foresights: Sequence[Foresight],
        signals: Sequence[Signal],
        seen: Sequence[str],
        occurrences: Sequence[Occurrence],
        now: datetime,
    ) -> Iterator[FailureWord]:
        broken = {one.host for one in occurrences if one.begin <= now.timestamp() <= one.end}
        hosts = [host for host in seen if host not in broken]
        if not hosts:
            return
        count = len(hosts)
        moments = Moments(hosts, np.arange(count), np.full(count, now.timestamp()), np.ones(count))
        columns = {
            **from_metrics(self._source, signals, moments),
            **from_store(self._stores, moments, occurrences)[0],
        }
        none = np.zeros(count)
        for one in foresights:
            rows = np.stack([columns.get(name, none) for name in one.features], axis=1)
            for host, row, chance in zip(hosts, rows, one.probabilities(rows).tolist(), strict=True):
                yield FailureWord(
                    host=host,
                    horizon=timedelta(seconds=one.horizon_s),
                    probability=chance,
                    base=one.base,
                    training=training,
                    at=now,
                    because=one.reasons(row),
                )


def _came(one: FailureForecast, occurrences: Sequence[Occurrence]) -> bool:
    begin = one.said.at.timestamp()
    end = begin + one.said.horizon.total_seconds()
    return any(fault.host == one.said.host and begin < fault.begin <= end for fault in occurrences)


def _is_over(one: FailureForecast, now: datetime) -> bool:
    return now > one.said.at + one.said.horizon + _LATE


def _ended(one: FailureForecast, seen: Sequence[str]) -> FailureState:
    """Return what became of a word when no fault came: of a host that is gone nobody knows."""
    return FailureState.STAYED_AWAY if one.said.host in seen else FailureState.GONE
