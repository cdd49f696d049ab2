"""A run in, a verdict out, by looking again and again: settle, then every check must hold for a while.

Only samples newer than the run count, and a look that finds none proves nothing: it neither starts nor
keeps the time for which the checks have to hold. How long something lasted is told by the monotonic
clock, which nobody can set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.clock import Clock
from agent.config.remediationfile import QueryCheck, Verify
from agent.errors import SourceError
from agent.quantity import format_quantity
from agent.reasons import Reason
from agent.records import CheckResult, Run, Verdict
from agent.verify.checks import CheckQuery, Look
from agent.verify.source import MetricSource

_WORSE_BY = 0.25  # of the distance to the bound before the run, in the wrong direction

SymptomsGone = Callable[[datetime], bool | None]
"""Says whether what the diagnosis was made from is gone since a time of the source; None: cannot be seen."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What verification has to say now. ``verdict`` is pending until it is sure.

    ``seen_at`` is the source's time up to which it looked, None where the source did not say.
    """

    verdict: Verdict
    reason: Reason | None
    detail: str
    checks: tuple[CheckResult, ...]
    holding_since: datetime | None = None
    seen_at: datetime | None = None


class Verification:
    """The verification of one run. Kept in memory only: after a restart it starts over."""

    def __init__(
        self, run: Run, verify: Verify, source: MetricSource, symptoms_gone: SymptomsGone, clock: Clock
    ) -> None:
        values = {name: str(value) for name, value in run.plan.parameters.items()}
        labels = {**values, **run.plan.labels}
        self._source = source
        self._symptoms_gone = symptoms_gone
        self._clock = clock
        self._hold_s = verify.hold.total_seconds()
        self._began_s = clock.monotonic()
        self._starts_s = self._began_s + verify.settle.total_seconds()
        self._fresh_after = run.fresh_after
        self._before_at = run.started_at or run.created_at
        self._queries: list[CheckQuery | None] = [
            CheckQuery(check, labels) if isinstance(check, QueryCheck) else None for check in verify.checks
        ]
        self._hopeless = [CheckQuery(check, labels) for check in verify.hopeless_when]
        self._bounds = verify.checks
        window = max((query.window for query in self._queries if query), default=timedelta(0))
        self._ends_s = self._began_s + (verify.within + window).total_seconds()
        self._before: list[float | None] | None = None
        self._holding: tuple[float, datetime] | None = None

    @property
    def overdue_s(self) -> float:
        """Return for how long it has been over by now; negative before."""
        return self._clock.monotonic() - self._ends_s - self._hold_s

    def look(self) -> Finding:
        """Look once and say what is known by now."""
        left_s = self._starts_s - self._clock.monotonic()
        if left_s > 0 and not self._hopeless and self._fresh_after is not None:
            return _settling(left_s)  # nothing to ask for yet
        seen_at = self._now_there()
        hopeless = self._find_hopeless()
        if hopeless is not None:
            checks = tuple(self._result(index, look) for index, look in enumerate(self._looks()))
            reason = Reason.CHECKS_HOPELESS
            return Finding(Verdict.NOT_RECOVERED, reason, hopeless, checks, seen_at=seen_at)
        return _settling(left_s) if left_s > 0 else self._weigh(self._looks(), seen_at)

    def _weigh(self, looks: list[Look], seen_at: datetime | None) -> Finding:
        now_s = self._clock.monotonic()
        checks = tuple(self._result(index, look) for index, look in enumerate(looks))
        if all(look.holds for look in looks):
            self._holding = self._holding or (now_s, self._clock.now())
            began_s, since = self._holding
            if now_s - began_s >= self._hold_s:
                return Finding(Verdict.RECOVERED, Reason.CHECKS_HELD, "", checks, since, seen_at)
        else:
            self._holding = None
        # what holds at the end of the time may finish its hold, however late this look is
        if now_s < self._ends_s or self._holding:
            return Finding(Verdict.PENDING, None, self._open_question(looks), checks)
        return self._conclude(looks, checks, seen_at)

    def _now_there(self) -> datetime | None:
        """Return the source's time; samples count from the first that is known after the run's end."""
        try:
            now = self._source.now()
        except SourceError:
            return None
        self._fresh_after = self._fresh_after or now
        return now

    def _looks(self) -> list[Look]:
        return [self._look(query) for query in self._queries]

    def _look(self, query: CheckQuery | None) -> Look:
        if self._fresh_after is None:
            return Look(None, None, "the source does not answer")
        if query is None:
            gone = self._symptoms_gone(self._fresh_after)
            detail = {True: "", False: "still seen", None: "cannot be seen"}[gone]
            return Look(gone, None, detail)
        try:
            return query.look(self._source, self._fresh_after)
        except SourceError as error:
            return Look(None, None, str(error))

    def _find_hopeless(self) -> str | None:
        """Return what shows that the checks cannot come true any more, or None."""
        for query in self._hopeless:
            look = self._look(query)
            if look.holds:
                value = "" if look.value is None else f": {format_quantity(look.value, query.unit)}"
                return f"{query.text}{value}"
        return None

    def _result(self, index: int, look: Look) -> CheckResult:
        query = self._queries[index]
        return CheckResult(
            text=query.text if query else "symptoms closed",
            holds=look.holds,
            before=self._values_before()[index],
            after=look.value,
            since=self._holding[1] if look.holds and self._holding else None,
            detail=look.detail,
            unit=query.unit if query else "",
        )

    def _values_before(self) -> list[float | None]:
        if self._before is None:
            try:
                self._before = [
                    query.before(self._source, self._before_at) if query else None for query in self._queries
                ]
            except SourceError:
                return [None] * len(self._queries)
        return self._before

    def _conclude(
        self, looks: list[Look], checks: tuple[CheckResult, ...], seen_at: datetime | None
    ) -> Finding:
        failing = [check for check, look in zip(checks, looks, strict=True) if look.holds is False]
        if not failing:
            missing = next(check for check in checks if check.holds is None)
            detail = f"{missing.text}: {missing.detail}"
            return Finding(Verdict.UNKNOWN, Reason.METRICS_MISSING, detail, checks, seen_at=seen_at)
        detail = "; ".join(_numbers(check) for check in failing)
        if any(self._is_worse(index, check) for index, check in enumerate(checks)):
            return Finding(Verdict.WORSE, Reason.GOT_WORSE, detail, checks, seen_at=seen_at)
        return Finding(Verdict.NOT_RECOVERED, Reason.CHECKS_FAILED, detail, checks, seen_at=seen_at)

    def _is_worse(self, index: int, check: CheckResult) -> bool:
        bound = self._bounds[index]
        if not isinstance(bound, QueryCheck) or check.before is None or check.after is None:
            return False
        limit = next((b for b in (bound.below, bound.above, bound.equals) if b is not None), None)
        if limit is None or check.holds is not False:
            return False
        missing_before = abs(check.before - limit)
        missing_after = abs(check.after - limit)
        return missing_after > missing_before + _WORSE_BY * max(missing_before, abs(limit))

    def _open_question(self, looks: list[Look]) -> str:
        if self._holding:
            return f"all checks hold since {self._holding[1]:%H:%M:%S} UTC"
        open_ones = sum(1 for look in looks if not look.holds)
        return f"{open_ones} of {len(looks)} checks do not hold yet"


def _settling(left_s: float) -> Finding:
    return Finding(Verdict.PENDING, None, f"settling for another {left_s:.0f} s", ())


def _numbers(check: CheckResult) -> str:
    return f"{check.text}: {check.numbers or check.detail}"
