"""Frames in, forecasts in the store out: opened, renewed, and judged by what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from agent.errors import StoreUnavailable
from agent.log import Logger
from agent.predict import Forecaster
from agent.records import Frame
from agent.records.forecasts import Exhaustion, Forecast, ForecastState
from agent.store.forecasts import ForecastStore

log = Logger("forecasts")

# of the time that a fall has to be seen for, which is 20 minutes where nobody set another
_SILENT = 3.0  # without a sample of the series nobody will know
_OVER_AFTER = 1.5  # that nothing was forecast any more
_STANDS = 0.75  # without a look that says it again; what comes in a longer absence nobody sees
_FREED = 1.1  # times what was left: it is another story then
_WIDENED_EVERY = timedelta(hours=1)  # intervals follow the record

Key = tuple[str, frozenset[tuple[str, str]]]


class _Seen(NamedTuple):
    """A time in which a series was seen without a break."""

    since: datetime
    until: datetime


class ForecastTracker:
    """Keeps the record of what a forecaster says. Used by one thread at a time."""

    def __init__(self, forecaster: Forecaster, store: ForecastStore) -> None:
        self.forecaster = forecaster
        span = forecaster.least_span
        self._silent, self._over_after, self._stands = _SILENT * span, _OVER_AFTER * span, _STANDS * span
        self._store = store
        self._open: dict[Key, Forecast] | None = None
        self._seen: dict[Key, _Seen] = {}
        self._missing: dict[Key, datetime] = {}  # since when a whole answer has no sample
        self._widened_at: datetime | None = None
        self._told: Mapping[Key, tuple[Exhaustion, float]] = {}  # by the newest look, with what was left

    @property
    def expected(self) -> Sequence[Exhaustion]:
        """Return what is about to be used up by the newest look, the soonest first.

        It needs no store. What was freed since is left out, and so is what was not looked at again in time.
        """
        found = (one for one, _ in self._told.values())
        return sorted(found, key=lambda one: one.remaining.at + one.remaining.left)

    @property
    def open(self) -> Sequence[Forecast]:
        """Return what is expected, the soonest first."""
        found = (self._open or {}).values()
        return sorted(found, key=lambda one: one.now.at + one.now.left)

    def look(self, frame: Frame) -> None:
        """Forecast from a frame, and judge what was said before. A store that fails is tried again later."""
        found = self.forecaster.observe(frame)
        self._tell(frame, found)
        try:
            self._keep(frame, found)
        except StoreUnavailable as error:
            self._open = None  # read anew: the store may have part of it
            log.warning("forecasts are not kept for now", why=str(error))

    def _tell(self, frame: Frame, found: Sequence[Exhaustion] | None) -> None:
        """Take the newest look, or drop from the last one what was freed since and what grew old."""
        if found is not None:
            self._told = {
                _key(one): (one, self.forecaster.left(frame, one.signal, one.labels) or 0.0) for one in found
            }
            return
        self._told = {
            key: (one, before)
            for key, (one, before) in self._told.items()
            if timedelta(0) <= frame.at - one.remaining.at <= self._stands
            and (self.forecaster.left(frame, one.signal, one.labels) or 0.0) <= before * _FREED
        }

    def _keep(self, frame: Frame, found: Sequence[Exhaustion] | None) -> None:
        if self._open is None:
            self._open = {_key(one): one for one in self._store.open()}
        if self._widened_at is None or frame.at - self._widened_at > _WIDENED_EVERY:
            self.forecaster.widen = self._store.calibration().widen
            self._widened_at = frame.at
        self._judge(frame)
        if found is None:
            return
        told = {_key(one): one for one in found}
        for key, one in told.items():
            known = self._open.get(key)
            if known is None:
                self._open[key] = self._store.add(one)
                log.info("will be used up", **_words(one))
            else:
                self._open[key] = self._store.renew(known, one.remaining)
        for key, known in list(self._open.items()):
            if key not in told and self._is_over(frame, key, known):
                self._end(key, ForecastState.AVERTED, frame.at)

    def _is_over(self, frame: Frame, key: Key, known: Forecast) -> bool:
        """Return whether nothing was foretold for a while in which somebody looked."""
        looking_since = max(known.now.at, self._seen_of(key, known).since)
        return frame.at - looking_since > self._over_after and self._left(frame, known) is not None

    def _judge(self, frame: Frame) -> None:
        assert self._open is not None
        for key, known in list(self._open.items()):
            left = self._left(frame, known)
            state = self._unseen(frame, key, known) if left is None else self._at(frame, key, known, left)
            if state is not None:
                self._end(key, state, frame.at)

    def _at(self, frame: Frame, key: Key, known: Forecast, left: float) -> ForecastState | None:
        """Return what became of a forecast whose series has a sample now."""
        seen = self._seen_of(key, known)
        self._missing.pop(key, None)
        was_away = frame.at - seen.until > self._stands
        self._seen[key] = _Seen(frame.at if was_away else seen.since, frame.at)
        used_up = self.forecaster.is_used_up(left)
        if was_away and (used_up or _may_have_come(known, frame.at)):
            return ForecastState.NOT_OBSERVED
        return ForecastState.CAME if used_up else None

    def _unseen(self, frame: Frame, key: Key, known: Forecast) -> ForecastState | None:
        """Return what became of a forecast whose series has no sample: it is gone, or nobody looks."""
        if frame.is_whole(known.signal) or known.signal not in self.forecaster.signals:
            since = self._missing.setdefault(key, frame.at)
            return ForecastState.GONE if frame.at - since > self._silent else None
        self._missing.pop(key, None)
        for_long = frame.at - self._seen_of(key, known).until > self._silent
        return ForecastState.NOT_OBSERVED if for_long and _may_have_come(known, frame.at) else None

    def _seen_of(self, key: Key, known: Forecast) -> _Seen:
        """Return when its series was seen; before the agent was started, as far as the store knows."""
        return self._seen.get(key, _Seen(known.now.at, known.now.at))

    def _left(self, frame: Frame, one: Forecast) -> float | None:
        return self.forecaster.left(frame, one.signal, one.labels)

    def _end(self, key: Key, state: ForecastState, at: datetime) -> None:
        assert self._open is not None
        ended = self._store.end(self._open.pop(key), state, at)
        self._seen.pop(key, None)
        self._missing.pop(key, None)
        log.info(
            "forecast over", forecast=ended.id, entity=ended.entity, signal=ended.signal, state=state.value
        )


def _may_have_come(one: Forecast, by: datetime) -> bool:
    return by >= one.said.at + one.said.low


def _key(one: Forecast | Exhaustion) -> Key:
    return one.signal, frozenset(one.labels.items())


def _words(one: Exhaustion) -> dict[str, object]:
    left = one.remaining
    return {
        "entity": one.entity,
        "signal": one.signal,
        "left": str(timedelta(seconds=round(left.left.total_seconds()))),
        "low": str(timedelta(seconds=round(left.low.total_seconds()))),
        "high": str(timedelta(seconds=round(left.high.total_seconds()))),
    }
