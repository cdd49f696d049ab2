"""What a detector promises to the pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from agent.config.rulefiles import Signal
from agent.detect.keeping import Keepable
from agent.records import Anomaly, Frame
from agent.records.feedback import Feedback
from agent.records.metadata import Metadata


class Detector(Keepable, Protocol):
    """Looks at frames as they come and keeps the list of anomalies that are open."""

    known_until: datetime | None
    """Until when everything is known, None before the first frame."""

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other definitions of signals from the next frame on."""

    def take_metadata(self, metadata: Metadata) -> None:
        """Go by what the source says of its metrics from the next frame on."""

    def weigh(self, said: Sequence[Feedback], now: datetime) -> None:
        """Go by what people said of anomalies within the last month."""

    def observe(self, frame: Frame) -> tuple[Anomaly, ...]:
        """Learn from the frame's newest column and return every anomaly that is open after it.

        A gap is neither normal nor strange: it changes nothing.
        """

    def catch_up(self, frame: Frame) -> None:
        """Observe a frame of the last hour, before the first poll."""

    def learn(self, frame: Frame) -> None:
        """Learn from the frame's newest column and open nothing: it is long past."""
