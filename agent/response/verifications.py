"""The verifications under way, one per run, each looked at in a thread of its own: a source may hang."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from agent.clock import Clock
from agent.config.remediationfile import Verify
from agent.log import Logger
from agent.reasons import Reason
from agent.records import Incident, Moment, Run, Verdict
from agent.verify import Finding, Verification
from agent.verify.source import MetricSource

log = Logger("verify")

_LOOKERS = 4
_EAGER = timedelta(seconds=0.5)  # while nothing of a run can be seen yet: the next scrape may be near


class View(Protocol):
    """What the newest frame says about an incident."""

    def symptoms_gone(self, incident: Incident, since: Moment) -> bool | None:
        """Return whether the symptoms are gone in what was seen since a moment; None: cannot be seen."""

    def seen_since(self, incident: Incident, since: Moment) -> bool:
        """Return whether what the incident's symptoms are told by was seen since a moment."""

    def source_time(self) -> datetime | None:
        """Return what time it is at the source of metrics; None while it never answered."""


@dataclass(slots=True)
class _Looking:
    """One verification, its look under way, when that ended, and when the next one is due."""

    verification: Verification
    future: Future[Finding] | None = None
    ended_s: float = float("-inf")
    due_s: float = float("-inf")


class Verifications:
    """Looks at runs that are being verified, and never waits for a look."""

    def __init__(
        self, source: MetricSource, view: View, interval: Callable[[], timedelta], clock: Clock
    ) -> None:
        self._source = source
        self._view = view
        self._interval = interval
        self._clock = clock
        self._under_way: dict[int, _Looking] = {}
        self._pool = ThreadPoolExecutor(_LOOKERS, thread_name_prefix="verify")
        self._wake: Callable[[], None] = lambda: None

    def connect(self, wake: Callable[[], None]) -> None:
        """Take what is called, in a thread of ours, when a look has decided something."""
        self._wake = wake

    def stop(self) -> None:
        """Begin no look any more, and wait for none."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def look(self, run: Run, verify: Verify, incident: Incident) -> Finding | None:
        """Return what the last look found, once, and begin the next when it is time.

        Raises what the look raised.
        """
        looking = self._under_way.get(run.id)
        if looking is None:
            looking = self._under_way[run.id] = _Looking(self._begin(run, verify, incident))
        finding = self._result(looking) if looking.future is not None else None
        pending = finding is None or finding.verdict is Verdict.PENDING
        if pending and looking.future is None and self._clock.monotonic() >= looking.due_s:
            looking.future = self._pool.submit(self._look, looking)
            looking.future.add_done_callback(self._tell)
        return finding

    def forget(self, run_id: int) -> None:
        """Drop a run that is judged, or that has to be looked at from the beginning."""
        self._under_way.pop(run_id, None)

    def _begin(self, run: Run, verify: Verify, incident: Incident) -> Verification:
        ended_at = run.ended_at or run.created_at

        def symptoms_gone(since: datetime) -> bool | None:
            return self._view.symptoms_gone(incident, Moment(since, ended_at))

        return Verification(run, verify, self._source, symptoms_gone, self._clock)

    def _result(self, looking: _Looking) -> Finding | None:
        future = looking.future
        assert future is not None
        if not future.done():
            if looking.verification.overdue_s < 0:
                return None
            detail = "the source has not answered since the run"
            return Finding(Verdict.UNKNOWN, Reason.METRICS_MISSING, detail, ())
        looking.future = None
        finding = future.result()
        blind = any(check.holds is None for check in finding.checks)
        pause = min(self._interval(), _EAGER) if blind else self._interval()
        looking.due_s = looking.ended_s + pause.total_seconds()
        return finding

    def _look(self, looking: _Looking) -> Finding:
        try:
            return looking.verification.look()
        finally:
            looking.ended_s = self._clock.monotonic()

    def _tell(self, future: Future[Finding]) -> None:
        decided = future.cancelled() or future.exception() or future.result().verdict is not Verdict.PENDING
        if decided and not future.cancelled():
            self._wake()
