"""The one detector: frames in, anomalies out, of single series and of what an entity's series say together.

The agent shows it its polls; a file is replayed through it (``replay``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agent.config.rulefiles import Signal
from agent.config.settings import DetectSection
from agent.detect.calendar import Calendars
from agent.detect.entities import EntityDetector, EntityScores, Models
from agent.detect.episodes import SeriesDetector
from agent.detect.judgement import Judgement
from agent.detect.statefile import Kept
from agent.detect.weighing import Weights
from agent.errors import StateError
from agent.records import Anomaly, Frame, IntArray
from agent.records.feedback import Feedback
from agent.records.metadata import Metadata

_WAITS = timedelta(days=1)  # for series that something was kept of


class Engine:
    """Both layers; ``models`` are asked about entities where there are any."""

    def __init__(
        self,
        signals: Mapping[str, Signal],
        settings: DetectSection,
        calendars: Calendars | None = None,
        models: Models | None = None,
    ) -> None:
        self.known_until: datetime | None = None
        self._restored_until: datetime | None = None
        self._weights = Weights()
        self._series = SeriesDetector(signals, settings, self._weights, calendars)
        self._entities = EntityDetector(signals, settings, self._weights, models)

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

    def take_metadata(self, metadata: Metadata) -> None:
        """Go by what the source says of its metrics from the next frame on."""
        self._series.take_metadata(metadata)

    def weigh(self, said: Sequence[Feedback], now: datetime) -> None:
        """Go by what people said of anomalies within the last month."""
        self._weights.take(said, now)

    def observe(self, frame: Frame) -> tuple[Anomaly, ...]:
        """Learn from the newest column and return the open anomalies."""
        self.known_until = frame.at
        if self._restored_until is not None and frame.at - self._restored_until > _WAITS:
            self._series.forget_unmet()
            self._restored_until = None
        alone = self._series.observe(frame)
        return (*alone, *self._entities.observe(frame, self.judged, self._series.entities))

    def catch_up(self, frame: Frame) -> None:
        """Observe a frame of the last hour, before the first poll; models judge only the present."""
        self.known_until = frame.at
        self._series.observe(frame)
        self._entities.observe(frame, self.judged, self._series.entities, ask=False)

    def learn(self, frame: Frame) -> None:
        """Learn from the newest column and open nothing: it is long past."""
        self.known_until = frame.at
        self._series.learn(frame)

    def state(self) -> Kept:
        """Return what is known but for the days of the seasons, copied: it may be written elsewhere."""
        series, entities = self._series.state(), self._entities.state()
        until = self.known_until.isoformat() if self.known_until is not None else None
        facts = {**series.facts, **entities.facts, "until": until}
        return Kept(facts, {**series.arrays, **entities.arrays})

    def season_day(self, day: int) -> Kept:
        """Return one day of the seasons, copied."""
        return self._series.season_day(day)

    @property
    def season_days(self) -> Sequence[int]:
        """Return the days that the seasons are made of."""
        return self._series.season_days

    def restore(self, kept: Kept, days: Mapping[int, Kept]) -> None:
        """Go by what was kept; without effect when it does not fit. Raises StateError."""
        try:
            until = datetime.fromisoformat(kept.facts["until"])
            self._entities.restore(kept)
            self._series.restore(kept, days)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
            raise StateError(f"what was kept of detection does not fit: {error!r:.200}") from error
        self.known_until = self._restored_until = until

    def keep(self, rows: IntArray) -> None:
        """Follow a renumbering of a frame's rows."""
        self._series.keep(rows)
