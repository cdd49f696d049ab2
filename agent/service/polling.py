"""Polls, and before the first of them the history, so that a new agent knows what is normal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from agent import metrics
from agent.clock import Clock
from agent.collect.backfill import Wanted
from agent.config import Settings
from agent.errors import SourceError
from agent.log import Logger
from agent.pipeline import Pipeline

log = Logger("service")

_HEALTHY_POLLS = 4  # intervals without a poll after which we are not healthy


class Polling:
    """Takes polls through the pipeline. ``progress`` is called while the history is being read.

    ``reading`` says how far that is, and is None at other times.
    """

    def __init__(
        self, pipeline: Pipeline, settings: Settings, clock: Clock, progress: Callable[[], None]
    ) -> None:
        self.late = 0
        self.reading: Mapping[str, Any] | None = None
        self._pipeline = pipeline
        self._collect = settings.collect
        self._clock = clock
        self._progress = progress
        self._history_wanted = settings.collect.prometheus.backfill
        self._without_history = ""
        self._last = clock.monotonic()

    @property
    def healthy(self) -> bool:
        """Return whether polls are taken as often as they should be."""
        silent = self._clock.monotonic() - self._last
        return silent < _HEALTHY_POLLS * self._collect.poll.total_seconds() + 1

    def poll(self, guarded: Callable[[str, Callable[[], None]], None]) -> None:
        """Take one poll through all rooms, the first one after the history. Raises StoreUnavailable."""
        self._last = self._clock.monotonic()
        if self._history_wanted:
            guarded("history", self._read_history)
        self._pipeline.poll()

    def count_late(self) -> None:
        """Note that a poll could not begin in time; while the history is read that is no wonder."""
        if self.reading is None:
            self.late += 1
            metrics.LATE_POLLS.inc()
            log.warning("poll was late", late_polls=self.late)

    def _read_history(self) -> None:
        """Read the history, at the first poll that finds a source which has one."""
        collect = self._collect
        wanted = Wanted(span=collect.history, step=collect.poll, seasons=collect.prometheus.seasons)
        began = self._clock.monotonic()
        self._history_wanted = False
        self.reading = {}
        try:
            self._pipeline.read_history(wanted, self._note_progress)
            log.info("normal is known", seconds=round(self._clock.monotonic() - began, 1))
        except SourceError as error:
            self._history_wanted = error.transient
            if str(error) != self._without_history:
                log.warning("no history for now", why=str(error), again=error.transient)
            self._without_history = str(error)
        finally:
            self.reading = None

    def _note_progress(self, reached: datetime, left: timedelta) -> None:
        self._last = self._clock.monotonic()
        self.reading = {"until": reached, "left_s": left.total_seconds()}
        self._progress()
