"""A run in, a verdict out, by looking again and again: settle, then every check must hold for a while.

Only samples newer than the run count, and a look that finds none proves nothing: it neither starts nor
keeps the time for which the checks have to hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent.config.remediationfile import QueryCheck, Verify
from agent.errors import SourceError
from agent.reasons import Reason
from agent.records import CheckResult, Run, Verdict
from agent.verify.checks import CheckQuery, Look
from agent.verify.source import MetricSource

_WORSE_BY = 0.25  # of the distance to the bound before the run, in the wrong direction

SymptomsGone = Callable[[], bool | None]
"""Says whether what the diagnosis was made from is gone; None when its samples are missing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What verification has to say now. ``verdict`` is pending until it is sure."""

    verdict: Verdict
    reason: Reason | None
    detail: str
    checks: tuple[CheckResult, ...]
    holding_since: datetime | None = None


class Verification:
    """The verification of one run. Kept in memory only: after a restart it starts over."""

    def __init__(self, run: Run, verify: Verify, source: MetricSource, symptoms_gone: SymptomsGone) -> None:
        ended_at = run.ended_at or run.created_at
        values = {name: str(value) for name, value in run.plan.parameters.items()}
        labels = {**values, **run.plan.labels}
        self._source = source
        self._symptoms_gone = symptoms_gone
        self._hold = verify.hold
        self._starts_at = ended_at + verify.settle
        self._ends_at = ended_at + verify.within
        self._fresh_after = run.fresh_after or ended_at
        self._before_at = run.started_at or run.created_at
        self._queries: list[CheckQuery | None] = [
            CheckQuery(check, labels) if isinstance(check, QueryCheck) else None for check in verify.checks
        ]
        self._bounds = verify.checks
        self._before: list[float | None] | None = None
        self._holding_since: datetime | None = None

    def look(self, now: datetime) -> Finding:
        """Look once and say what is known by ``now``."""
        if now < self._starts_at:
            return Finding(Verdict.PENDING, None, f"settling until {self._starts_at:%H:%M:%S} UTC", ())
        looks = [self._look(query) for query in self._queries]
        checks = tuple(self._result(index, look) for index, look in enumerate(looks))
        if all(look.holds for look in looks):
            self._holding_since = self._holding_since or now
            if now - self._holding_since >= self._hold:
                return Finding(Verdict.RECOVERED, Reason.CHECKS_HELD, "", checks, self._holding_since)
        else:
            self._holding_since = None
        # what holds at the end of the time may finish its hold, however late this look is
        if now < self._ends_at or self._holding_since:
            return Finding(Verdict.PENDING, None, _open_question(looks, self._holding_since), checks)
        return self._conclude(looks, checks)

    def _look(self, query: CheckQuery | None) -> Look:
        if query is None:
            gone = self._symptoms_gone()
            detail = {True: "", False: "still seen", None: "cannot be seen"}[gone]
            return Look(gone, None, detail)
        try:
            return query.look(self._source, self._fresh_after)
        except SourceError as error:
            return Look(None, None, str(error))

    def _result(self, index: int, look: Look) -> CheckResult:
        query = self._queries[index]
        return CheckResult(
            text=query.text if query else "symptoms closed",
            holds=look.holds,
            before=self._values_before()[index],
            after=look.value,
            since=self._holding_since if look.holds else None,
            detail=look.detail,
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

    def _conclude(self, looks: list[Look], checks: tuple[CheckResult, ...]) -> Finding:
        failing = [check for check, look in zip(checks, looks, strict=True) if look.holds is False]
        if not failing:
            missing = next(check for check in checks if check.holds is None)
            detail = f"{missing.text}: {missing.detail}"
            return Finding(Verdict.UNKNOWN, Reason.METRICS_MISSING, detail, checks)
        detail = "; ".join(_numbers(check) for check in failing)
        if any(self._is_worse(index, check) for index, check in enumerate(checks)):
            return Finding(Verdict.WORSE, Reason.GOT_WORSE, detail, checks)
        return Finding(Verdict.NOT_RECOVERED, Reason.CHECKS_FAILED, detail, checks)

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


def _open_question(looks: list[Look], holding_since: datetime | None) -> str:
    if holding_since:
        return f"all checks hold since {holding_since:%H:%M:%S} UTC"
    open_ones = sum(1 for look in looks if not look.holds)
    return f"{open_ones} of {len(looks)} checks do not hold yet"


def _numbers(check: CheckResult) -> str:
    if check.after is None:
        return f"{check.text}: {check.detail}"
    before = "unknown" if check.before is None else f"{check.before:.4g}"
    return f"{check.text}: {before} before, {check.after:.4g} after"
