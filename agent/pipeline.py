"""The flow, in order. Each room takes records and returns records; only this module knows them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from agent import metrics
from agent.clock import Clock
from agent.collect import Answer, FrameBuffer, PrometheusSource
from agent.collect.backfill import History, Wanted
from agent.collect.overlay import part_of
from agent.collect.targets import TargetWatch
from agent.config.promql import is_from_probes
from agent.config.rulefiles import Rulebook, Signal
from agent.detect import Detector
from agent.detect.keeping import StateFolder
from agent.detect.weighing import LASTS as FEEDBACK_LASTS
from agent.diagnose import IncidentLifecycle, RuleVoter, Visibility, VotingEnsemble
from agent.diagnose.live.support import with_support
from agent.errors import StateError
from agent.feedback import FeedbackReader
from agent.forecasting import ForecastTracker
from agent.log import Logger
from agent.quantity import format_value
from agent.records import Alert, Anomaly, Arrivals, Doubt, Frame, Held, Incident, Topology
from agent.records.forecasts import Exhaustion
from agent.response import LatestView, Responder, View
from agent.store import Stores
from agent.tracking import IncidentTracker

log = Logger("pipeline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known at one moment, and who judges it: for those who ask what would be concluded from more."""

    frame: Frame
    anomalies: Sequence[Anomaly]
    alerts: Sequence[Alert]
    arrivals: Arrivals
    voter: RuleVoter
    ensemble: VotingEnsemble
    expected: Sequence[Exhaustion] = ()


@dataclass
class SourceHealth:
    """What the last poll said of the source of metrics."""

    polls: int = 0
    series: int = 0
    anomalies: int = 0
    at: datetime | None = None
    failed: Mapping[str, str] = field(default_factory=dict)
    partial: Mapping[str, str] = field(default_factory=dict)
    doubtful: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    refused: int = 0  # samples that found no place: there are more series than may be kept
    forgotten: int = 0  # idle series that had to make room so far


class Pipeline:
    """One poll, or what arrived by itself, through the rooms; one at a time."""

    def __init__(
        self,
        *,
        book: Rulebook,
        source: PrometheusSource,
        buffer: FrameBuffer,
        detector: Detector,
        forecasts: ForecastTracker,
        voter: RuleVoter,
        ensemble: VotingEnsemble,
        lifecycle: IncidentLifecycle,
        tracker: IncidentTracker,
        stores: Stores,
        responder: Responder,
        latest: LatestView,
        alerts_expire: timedelta,
        clock: Clock,
        outlook: Callable[[datetime], Arrivals] = lambda now: Arrivals(now=now),
        own_answers: Callable[[datetime], Mapping[str, Answer]] = lambda at: {},
        own_signals: Mapping[str, Signal] | None = None,
        on_frame: Callable[[Frame], None] = lambda frame: None,
    ) -> None:
        self._on_frame = on_frame
        self._outlook = outlook
        self._own_answers = own_answers
        self._own_signals = own_signals or {}
        self._targets = TargetWatch()
        self._ask(book)
        self._source = source
        self._buffer = buffer
        self._detector = detector
        self._forecasts = forecasts
        self._voter = voter
        self._ensemble = ensemble
        self._lifecycle = lifecycle
        self._tracker = tracker
        self._stores = stores
        self._feedback = FeedbackReader(stores.database, stores.feedback, FEEDBACK_LASTS)
        self._responder = responder
        self._latest = latest
        self._alerts_expire = alerts_expire
        self._clock = clock
        self._frame = _nothing_seen(clock.now())
        self._asked_s = clock.monotonic()
        self._anomalies: Sequence[Anomaly] = ()
        self._complaints: dict[str, str] = {}
        self.health = SourceHealth()
        self.held: Sequence[Held] = ()
        self.unknown_alerts: Sequence[Alert] = ()
        self.topology = Topology()
        self._lock = threading.RLock()

    @property
    def lock(self) -> threading.RLock:
        """Return what keeps a poll from being taken while it is held.

        A poll holds it while it takes a turn: who wants the responder's too takes this one first.
        """
        return self._lock

    def reload(
        self, book: Rulebook, voter: RuleVoter, ensemble: VotingEnsemble, lifecycle: IncidentLifecycle
    ) -> None:
        """Go by new signals, rules and faults from the next poll on."""
        with self._lock:
            self._ask(book)
            watched = {**book.signals, **self._own_signals}
            self._buffer.watch(watched)
            self._detector.watch(watched)
            self._forecasts.forecaster.watch(watched)
            self._voter = voter
            self._ensemble = ensemble
            self._lifecycle = lifecycle

    def _ask(self, book: Rulebook) -> None:
        self._queries = {id_: signal.query for id_, signal in book.signals.items()}
        self._from_probes = {id_ for id_, query in self._queries.items() if is_from_probes(query)}

    @property
    def anomalies(self) -> Sequence[Anomaly]:
        """Return the anomalies that are open."""
        return self._anomalies

    def read_history(self, wanted: Wanted, on_progress: Callable[[datetime, timedelta], None]) -> None:
        """Learn what is normal from what the source remembers, before the first poll that it answers.

        What arrives by itself is looked at meanwhile. Raises SourceError.
        """
        queries, known = self._queries, self._detector.known_until
        if known is not None:  # only what lies between is news
            self._read_levels(wanted)
            wanted = replace(wanted, seasons=min(wanted.seasons, self._clock.now() - known + wanted.span))
        history = History(self._source, queries, wanted, on_progress)
        with self._lock:
            self._buffer.restart()
        for polls, take in (
            (history.days(), self._detector.learn),
            (history.recent(), self._detector.catch_up),
        ):
            for poll in polls:
                with self._lock:
                    if self._queries is not queries:
                        return  # the signals are others now; what was read is not lost
                    frame = self._buffer.add(self._targets.with_targets(poll, self._from_probes))
                    self._forecasts.forecaster.learn(frame)
                    if known is None or poll.at > known:
                        take(frame)

    def read_metadata(self) -> None:
        """Ask the source what it says of its metrics. Raises SourceError."""
        metadata = self._source.metadata()
        with self._lock:
            self._detector.take_metadata(metadata)

    def _read_levels(self, wanted: Wanted) -> None:
        """Let forecasts know the last days of what is limited: unlike detection they keep nothing."""
        limited = self._forecasts.forecaster.signals
        buffer = FrameBuffer(limited, 1, self._buffer.max_series)
        history = History(self._source, {id_: one.query for id_, one in limited.items()}, wanted)
        for poll in history.days():
            self._forecasts.forecaster.learn(buffer.add(poll))

    def restore_state(self, folder: StateFolder) -> None:
        """Go by what was kept before the agent was started."""
        folder.read(self._detector)

    def keep_state(self, folder: StateFolder, longest_s: float = -1) -> None:
        """Write what detection knows once no poll is at work; wait for that so long at most (-1: for ever).

        Raises StateError.
        """
        if not self._lock.acquire(timeout=longest_s):
            raise StateError("what detection knows is not kept: a poll still waits for its source")
        try:
            snapshot = folder.take(self._detector) if self._detector.known_until is not None else None
        finally:
            self._lock.release()
        if snapshot is not None:
            folder.write(snapshot)

    def poll(self) -> None:
        """Take one poll through all rooms.

        Raises StoreUnavailable when incidents can be neither read nor written.
        """
        with self._lock:
            started = self._asked_s = self._clock.monotonic()
            poll = self._targets.with_targets(self._source.poll(self._queries), self._from_probes)
            poll = replace(poll, answers={**poll.answers, **self._own_answers(poll.at)})
            self._frame = self._buffer.add(poll)
            self._complain({**poll.failed, **self._frame.partial})
            self._complain_of_doubts(self._frame.doubts)
            self._detector.weigh(self._feedback.read(poll.at), poll.at)
            self._anomalies = self._detector.observe(self._frame)
            self._forecasts.look(self._frame)
            self._complain_of_refusals(self._buffer.refused)
            self.health = SourceHealth(
                polls=self.health.polls + 1,
                series=len(self._frame.series),
                anomalies=len(self._anomalies),
                at=poll.at,
                failed=poll.failed,
                partial=self._frame.partial,
                doubtful={signal: _in_words(doubts) for signal, doubts in self._frame.doubts.items()},
                seconds=self._clock.monotonic() - started,
                refused=self._buffer.refused,
                forgotten=self._buffer.forgotten,
            )
            self._count(self.health)
            self._on_frame(self._frame)
            self._conclude()

    def look_at_alerts(self) -> None:
        """Conclude anew from the newest frame and the alerts that fire now, without a poll."""
        with self._lock:
            self._conclude()

    def diagnose_arrivals(self) -> list[Incident]:
        """Diagnose what arrived together with the newest frame; return the incidents, to be acted on."""
        with self._lock:
            return self._diagnose()

    def snapshot(self, hosts: Collection[str]) -> Snapshot:
        """Return what is known now of some hosts, or of all: a copy, which later polls do not change."""
        with self._lock:
            return Snapshot(
                frame=part_of(self._frame, hosts),
                anomalies=self._anomalies,
                alerts=self._stores.alerts.firing(),
                arrivals=self._outlook(self._clock.now()),
                voter=self._voter,
                ensemble=self._ensemble,
                expected=self._forecasts.expected,
            )

    def expire_alerts(self) -> None:
        """Resolve alerts whose sender has been silent for too long."""
        count = self._stores.alerts.expire(self._clock.now(), self._alerts_expire)
        if count:
            log.warning("alerts expired", count=count)

    def _conclude(self) -> None:
        self._responder.turn(self._diagnose())

    def _diagnose(self) -> list[Incident]:
        frame = self._frame
        arrivals = self._outlook(self._clock.now())
        firing = self._stores.alerts.firing()
        self.unknown_alerts = self._voter.unknown_among(firing)
        active = [one for one in self._stores.incidents.active() if not one.state.final]
        begun = [candidate for one in active for candidate in one.diagnosis.candidates]
        vote = self._voter.vote(frame, self._anomalies, firing, arrivals, begun, self._forecasts.expected)
        candidates = with_support(self._ensemble.vote(vote.candidates), self._anomalies)
        self.held = vote.held
        shown = Visibility(frame, vote.held, arrivals.read_until, arrivals.expired_alerts)
        incidents = self._tracker.track(self._lifecycle, candidates, shown, self.topology)
        # only now: whoever sees the view and still has an older incident fails at its version
        self._latest.set(
            View(
                frame=frame,
                anomalies=self._anomalies,
                candidates=candidates,
                held=vote.held,
                arrivals=arrivals,
                kept=frozenset(one.id for one in incidents),
                asked_s=self._asked_s,
            )
        )
        return incidents

    def _complain(self, failed: Mapping[str, str]) -> None:
        """Log what failed when it begins, changes or ends, not at every poll."""
        reasons = {reason: signal for signal, reason in failed.items()}
        for reason in reasons.keys() - self._complaints.keys():
            count = sum(1 for other in failed.values() if other == reason)
            log.warning("signals have no answer", why=reason, signals=count, first=reasons[reason])
        for reason in self._complaints.keys() - reasons.keys():
            log.info("signals have an answer again", was=reason)
        self._complaints = reasons

    def _complain_of_doubts(self, doubts: Mapping[str, Sequence[Doubt]]) -> None:
        """Say which signals have samples that are not believed, when that begins and ends."""
        for signal in doubts.keys() - self.health.doubtful.keys():
            log.warning("samples are not believed", signal=signal, why=_in_words(doubts[signal]))
        for signal in self.health.doubtful.keys() - doubts.keys():
            log.info("all samples are believed again", signal=signal)

    def _complain_of_refusals(self, refused: int) -> None:
        """Say that there are more series than may be kept, when that begins and ends."""
        if refused and not self.health.refused:
            log.warning(
                "too many series, some are not watched",
                refused=refused,
                kept=len(self._frame.series),
                setting="collect.prometheus.max_series",
            )
        elif self.health.refused and not refused:
            log.info("all series are watched again", forgotten=self._buffer.forgotten)

    def _count(self, health: SourceHealth) -> None:
        metrics.SERIES_REFUSED.set(health.refused)
        metrics.SERIES_FORGOTTEN.set(health.forgotten)
        metrics.POLLS.inc()
        metrics.LAST_POLL.set_to_current_time()
        metrics.POLL_SECONDS.observe(health.seconds)
        metrics.SERIES.set(health.series)
        metrics.ANOMALIES.set(health.anomalies)
        metrics.SIGNALS_FAILED.set(len(health.failed))
        metrics.SIGNALS_PARTIAL.set(len(health.partial))
        metrics.SIGNALS_DOUBTFUL.set(len(health.doubtful))
        dead = bool(health.failed) and len(health.failed) == len(self._queries)
        # an answer that is not whole is none to rely on
        metrics.SOURCE_UP.labels("prometheus").set(not dead and not health.partial)
        if not dead:
            metrics.SOURCE_READ.labels("prometheus").set_to_current_time()
        else:
            metrics.SOURCE_FAILURES.labels("prometheus").inc()


def _nothing_seen(at: datetime) -> Frame:
    """Return the frame before the first poll: alerts may arrive earlier."""
    return Frame(
        at=at,
        times=np.array([at.timestamp()]),
        values=np.empty((0, 1)),
        series=[],
        rows={},
        answered=frozenset(),
    )


def _in_words(doubts: Sequence[Doubt]) -> str:
    """Return how many doubts there are, and the first of them."""
    first = doubts[0]
    labels = ", ".join(f"{name}={format_value(value)}" for name, value in sorted(first.labels.items()))
    more = f" and {len(doubts) - 1} more" if len(doubts) > 1 else ""
    return f"{labels}: {first.why}{more}"
