"""When targets were scraped, in; how often that is, and which of two equal samples is a new one, out.

A poll sees the newest sample of a series, which may be the one it saw before: it is as old as the last
scrape of its target, and ``up`` was written with the same scrape. So one query tells the age of all samples.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from itertools import pairwise
from statistics import median

from agent.collect.base import Answer, Target
from agent.config.promql import metric_names
from agent.errors import SourceError

NEWEST = "timestamp(up)"
_PAST = "up[10m]"
_DEFAULT = timedelta(minutes=1)  # Prometheus' own default, where nothing is known
_LEARN_AGAIN_S = 600.0
_TRY_AGAIN_S = 15.0
_MOST_KNOWN = 1000  # queries

Samples = Iterable[tuple[Mapping[str, str], list[tuple[float, float]]]]


def scraped(newest: Answer) -> dict[Target, float]:
    """Return when each target, by job and instance, was scraped last; by instance alone, without job, too."""
    found: dict[Target, float] = {}
    for labels, at in zip(newest.labels, newest.values, strict=True):
        instance = labels.get("instance", "")
        if instance:
            for target in ((labels.get("job", ""), instance), ("", instance)):
                found[target] = max(at, found.get(target, 0.0))
    return found


class ScrapeIntervals:
    """How often the targets behind a query are scraped, as the settings say or as the source shows.

    ``ask`` evaluates an instant query, ``ask_samples`` one for the samples of a range.
    """

    def __init__(
        self,
        setting: timedelta | None,
        ask: Callable[[str], Answer],
        ask_samples: Callable[[str], Samples],
    ) -> None:
        self._setting = setting
        self._ask = ask
        self._ask_samples = ask_samples
        self._of_job: dict[str, float] = {}
        self._learned_at = -_LEARN_AGAIN_S
        self._of_query: dict[str, tuple[float, timedelta]] = {}

    def of(self, query: str) -> timedelta:
        """Return the longest scrape interval among the jobs that a query's metrics come from."""
        if self._setting is not None:
            return self._setting
        now = time.monotonic()
        until, known = self._of_query.get(query, (0.0, _DEFAULT))
        if now < until:
            return known
        if len(self._of_query) > _MOST_KNOWN:
            self._of_query.clear()
        try:
            found = self._learn(query)
            until = now + (_LEARN_AGAIN_S if found else _TRY_AGAIN_S)
        except SourceError:  # the query itself will say what is wrong
            found, until = None, now + _TRY_AGAIN_S
        self._of_query[query] = until, found or known
        return found or known

    def fastest_s(self) -> float:
        """Return the shortest scrape interval of any job, in seconds; 0 where none is known."""
        if self._setting is not None:
            return self._setting.total_seconds()
        try:
            return min(self._intervals().values(), default=0.0)
        except SourceError:
            return 0.0

    def _learn(self, query: str) -> timedelta | None:
        names = metric_names(query)
        if not names or not self._intervals():
            return None
        alternatives = "|".join(names)
        jobs = self._ask(f'group by (job) ({{__name__=~"{alternatives}"}})')
        intervals = self._of_job
        known = [intervals[job] for labels in jobs.labels if (job := labels.get("job", "")) in intervals]
        return timedelta(seconds=max(known)) if known else None

    def _intervals(self) -> Mapping[str, float]:
        """Return the usual time between two scrapes of each job, in seconds."""
        now = time.monotonic()
        if now - self._learned_at > (_LEARN_AGAIN_S if self._of_job else _TRY_AGAIN_S):
            steps: dict[str, list[float]] = defaultdict(list)
            for labels, samples in self._ask_samples(_PAST):
                times = [at for at, _ in samples]
                gaps = [after - before for before, after in pairwise(times)]
                if gaps:
                    steps[labels.get("job", "")].append(median(gaps))
            self._of_job = {job: median(own) for job, own in steps.items()}
            self._learned_at = now
        return self._of_job
