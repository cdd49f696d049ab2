"""The one detector: frames in, anomalies out, of single series and of what an entity's series say together.

The agent shows it its polls; a file is replayed through it (``replay``).
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.calendar import LocalCalendar
from agent.detect.entities import EntityDetector, EntityScores, Models
from agent.detect.episodes import SeriesDetector
from agent.detect.judgement import Judgement
from agent.records import Anomaly, Frame, IntArray


class Engine:
    """Both layers; ``models`` are asked about entities where there are any."""

    def __init__(
        self,
        signals: Mapping[str, Signal],
        settings: DetectSection,
        calendar: LocalCalendar | None = None,
        models: Models | None = None,
    ) -> None:
        self._series = SeriesDetector(signals, settings, calendar)
        self._entities = EntityDetector(signals, settings, models)

    @property
    def judged(self) -> Judgement:
        """Return how strange each row of the last frame was."""
        assert self._series.latest is not None
        return self._series.latest

    @property
    def entity_scores(self) -> EntityScores:
        """Return how strange each entity was in the last frame."""
        assert self._entities.latest is not None
        return self._entities.latest

    def watch(self, signals: Mapping[str, Signal]) -> None:
        """Use other definitions of signals from the next frame on."""
        self._series.watch(signals)
        self._entities.watch(signals)

    def observe(self, frame: Frame) -> tuple[Anomaly, ...]:
        """Learn from the newest column and return the open anomalies."""
        alone = self._series.observe(frame)
        return (*alone, *self._entities.observe(frame, self.judged, self._series.entities))

    def catch_up(self, frame: Frame) -> None:
        """Observe a frame of the last hour, before the first poll; models judge only the present."""
        self._series.observe(frame)
        self._entities.observe(frame, self.judged, self._series.entities, ask=False)

    def learn(self, frame: Frame) -> None:
        """Learn from the newest column and open nothing: it is long past."""
        self._series.learn(frame)

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of a frame's rows."""
        self._series.keep(rows)
