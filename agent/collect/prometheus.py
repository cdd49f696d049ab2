"""Prometheus, or what speaks its HTTP API: expressions in, samples out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from agent.collect.base import Answer, Poll, Range, Target
from agent.collect.batches import as_one, by_signal, in_batches
from agent.collect.garbage import paused_collection
from agent.collect.http import HttpClient, Reply
from agent.collect.promapi import Body, series_of, to_answer, to_body, to_range, to_recording_rules
from agent.collect.scrapes import NEWEST, Samples, ScrapeIntervals, scraped
from agent.config.promql import (
    RATE_INTERVAL,
    is_certain_when_partial,
    twins,
    with_rate_interval,
    with_unique_sides,
    without_replicas,
)
from agent.config.sources import PrometheusSection
from agent.errors import AnswerError, QueryError, SourceError, SourceUnreachable
from agent.log import Logger
from agent.meaning import read_metadata
from agent.records import Doubt, RecordingRule
from agent.records.metadata import MetricMetadata

log = Logger("prometheus")

_WORKERS = 3
_STALLED_AFTER = timedelta(minutes=2)
_MISSED_SCRAPES = 3  # of the fastest targets
_MOST_NOTES = 100
_LONGEST_REASON = 500
_RULES_KEPT_S = 300.0
# Prometheus and Thanos; VictoriaMetrics
_TWINS = re.compile(r"duplicate (time )?series|many-to-many matching", re.IGNORECASE)

T = TypeVar("T")


class PrometheusSource:
    """One Prometheus. Safe to use from several threads.

    ``on_answer`` is called whenever one of the many questions of a poll, or of the history, is over.
    """

    def __init__(self, url: str, timeout: timedelta, section: PrometheusSection | None = None) -> None:
        self.url = url
        section = section or PrometheusSection(url=url, timeout=timeout)
        self._batch = section.batch
        self._alone: set[str] = set()  # queries that spoil a batch
        self._twinned: set[str] = set()  # queries that find the same labels twice where it must not be
        self._noted: set[str] = set()
        self._replica_labels = section.replica_labels
        self._replicas: tuple[str, ...] | None = None  # of those labels the ones that are in use here
        self._rules: tuple[float, Mapping[str, RecordingRule]] = (0.0, {})  # and until when they are kept
        self._client = HttpClient("Prometheus", "collect.prometheus", section, _WORKERS + 2)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="collect")
        self.on_answer: Callable[[], None] = lambda: None
        self._intervals = ScrapeIntervals(section.scrape_interval, self.query, self._samples)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        """Evaluate an expression now, or as of ``at``."""
        return self._query_as_written(self._prepared(expression), at)

    def query_range(self, expression: str, start: datetime, end: datetime, step: timedelta) -> Range:
        """Evaluate an expression at every step from ``start`` to ``end``."""
        step_s = max(step.total_seconds(), 1.0)
        parameters = {
            "query": self._prepared(expression),
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step_s:.3f}",
        }
        reply = self._send("/api/v1/query_range", parameters)
        with paused_collection():
            return to_range(self._body(reply), self._client.name, start.timestamp(), end.timestamp(), step_s)

    def now(self) -> datetime:
        """Return the server's own clock."""
        answer = self._query_as_written("time()")
        if not answer.values:
            raise AnswerError(f"{self._client.name} has no answer to time()")
        return datetime.fromtimestamp(answer.at, UTC)

    def metadata(self) -> Mapping[str, MetricMetadata]:
        """Return type, unit and help of every metric; nothing where the source keeps none.

        Raises SourceUnreachable.
        """
        reply = self._client.send("GET", "/api/v1/metadata")
        if reply.status == 429 or reply.status >= 500:
            raise self._client.refuse(reply, "", "url")
        return read_metadata(reply.json() if reply.status == 200 else {})

    def with_rate_interval(self, expression: str) -> str:
        """Return an expression with the rate interval put in that fits how often its metrics are scraped."""
        if RATE_INTERVAL not in expression:
            return expression
        return with_rate_interval(expression, self._intervals.of(expression))

    def recording_rules(self) -> Mapping[str, RecordingRule]:
        """Return what the server records under which name; nothing of one that does not tell."""
        until_s, known = self._rules
        if time.monotonic() < until_s:
            return known
        reply = self._client.send("GET", "/api/v1/rules?type=record")
        rules: Mapping[str, RecordingRule] = {}
        with suppress(AnswerError):
            rules = to_recording_rules(reply.json()) if reply.status == 200 else {}
        self._rules = time.monotonic() + _RULES_KEPT_S, rules
        return rules

    def poll(self, queries: Mapping[str, str]) -> Poll:
        """Evaluate all queries, by signal.

        Never raises SourceError: a signal without an answer says why. Once the source does not answer
        at all the rest is not asked, so that a dead source costs one time limit and not fifty.
        """
        try:
            newest = self._look_at_targets()
            # nothing is scraped where samples are pushed; the answer has no time then
            pushed_at = None if newest.values else self.now()
        except SourceError as error:
            return Poll(datetime.now(UTC), {}, dict.fromkeys(queries, str(error)))
        if pushed_at is not None:
            return self._poll_at(pushed_at, queries, {})
        at = datetime.fromtimestamp(newest.at, UTC)
        age_s = newest.at - max(newest.values)
        if age_s > _STALLED_AFTER.total_seconds() and age_s > _MISSED_SCRAPES * self._intervals.fastest_s():
            why = f"Prometheus at {self.url} has scraped nothing for {age_s:.0f} s"
            return Poll(at, {}, dict.fromkeys(queries, why))
        return self._poll_at(at, queries, scraped(newest))

    def ranges(
        self, queries: Mapping[str, str], start: datetime, end: datetime, step: timedelta
    ) -> tuple[Mapping[str, Range], Mapping[str, str]]:
        """Evaluate all queries at every step; also return why a signal has no answer."""

        def ask(query: str) -> Range:
            return self._unless_twins(query, lambda text: self.query_range(text, start, end, step))

        found, failed = self._ask_all(queries, ask)
        unusable = _uncertain(found, queries)
        return {id_: one for id_, one in found.items() if id_ not in unusable}, {**failed, **unusable}

    def _look_at_targets(self) -> Answer:
        """Return when each target was scraped; note by which labels replicas of the source differ."""
        newest = self._query_as_written(NEWEST)
        self._replicas = tuple(
            name for name in self._replica_labels if any(name in labels for labels in newest.labels)
        )
        return newest

    def _query_as_written(self, expression: str, at: datetime | None = None) -> Answer:
        parameters = {"query": expression}
        if at is not None:
            parameters["time"] = f"{at.timestamp():.3f}"
        reply = self._send("/api/v1/query", parameters)
        with paused_collection():
            return to_answer(self._body(reply), self._client.name)

    def _poll_at(self, at: datetime, queries: Mapping[str, str], times: Mapping[Target, float]) -> Poll:
        alone = {id_: query for id_, query in queries.items() if self._batch == 1 or query in self._alone}
        together = {id_: query for id_, query in queries.items() if id_ not in alone}
        batches = {as_one(batch): batch for batch in in_batches(together, self._batch)}
        found, refused = self._ask_all({text: text for text in batches}, self.query)
        answers: dict[str, Answer] = {}
        for text, answer in found.items():
            answers.update(by_signal(answer, list(batches[text])))
        for text in refused:  # one of them is wrong, too much, or no vector: each tells alone
            alone.update(batches[text])
        apart, failed = self._ask_all(alone, self._ask_alone)
        for text in refused if apart else ():  # a source that answers nothing says nothing of queries
            spoilers = batches[text].keys() & failed.keys() or batches[text].keys()
            self._alone |= {queries[signal] for signal in spoilers}
        answers.update(apart)
        unusable = _uncertain(answers, queries)
        kept = {id_: answer for id_, answer in answers.items() if id_ not in unusable}
        paced = self._pool.map(lambda one: self._paced(queries[one[0]], one[1], times), kept.items())
        kept = dict(zip(kept, paced, strict=True))
        return Poll(at, kept, {**failed, **unusable}, times, unusable)

    def _paced(self, query: str, answer: Answer, times: Mapping[Target, float]) -> Answer:
        """Return an answer with how often its samples are taken, where no scrape of a target says when."""
        targets = ((labels.get("job", ""), labels.get("instance", "")) for labels in answer.labels)
        if all(target in times for target in targets):
            return answer
        return replace(answer, every_s=self._intervals.of(query).total_seconds())

    def _ask_alone(self, query: str) -> Answer:
        answer = self._unless_twins(query, self.query)
        if query in self._twinned:
            answer = replace(answer, doubts=[*answer.doubts, *self._doubts(query)])
        return answer

    def _unless_twins(self, query: str, ask: Callable[[str], T]) -> T:
        """Ask; where the same labels are found twice, ask for the rest, that one host blinds no fleet."""
        if query in self._twinned:
            return ask(with_unique_sides(self._prepared(query)))
        try:
            return ask(query)
        except QueryError as error:
            if not _TWINS.search(str(error)):
                raise
            found = ask(with_unique_sides(self._prepared(query)))
            self._twinned.add(query)
            return found

    def _doubts(self, query: str) -> list[Doubt]:
        """Return the labels that a query finds twice where it must not be."""
        doubts = []
        for counted in twins(self._prepared(query)):
            answer = self.query(counted)
            for labels, count in zip(answer.labels, answer.values, strict=True):
                doubts.append(Doubt(labels, f"{count:.0f} series have these labels, and only one may"))
        if not doubts:
            self._twinned.discard(query)
        return doubts

    def _ask_all(
        self, queries: Mapping[str, str], ask: Callable[[str], T]
    ) -> tuple[dict[str, T], dict[str, str]]:
        """Return the answers by signal, and why there is none."""
        answers: dict[str, T] = {}
        failed: dict[str, str] = {}
        dead: list[str] = []

        def work(item: tuple[str, str]) -> None:
            signal, query = item
            if dead:
                failed[signal] = dead[0]
                return
            try:
                answers[signal] = ask(query)
            except SourceError as error:
                failed[signal] = str(error)
                # one query may be too much for a source that answers all others
                if isinstance(error, SourceUnreachable) and not self._answers():
                    dead.append(str(error))
            finally:
                self.on_answer()

        for _ in self._pool.map(work, queries.items()):
            pass
        in_order = {signal: answers[signal] for signal in queries if signal in answers}
        return in_order, {signal: failed[signal] for signal in queries if signal in failed}

    def _answers(self) -> bool:
        try:
            self._query_as_written("time()")
        except SourceError:
            return False
        return True

    def _prepared(self, query: str) -> str:
        """Return a query as this source has to be asked it."""
        if self._replicas is None and self._replica_labels:
            with suppress(QueryError, AnswerError):  # the query itself will say what is wrong
                self._look_at_targets()
        return without_replicas(self.with_rate_interval(query), self._replicas or ())

    def _samples(self, query: str) -> Samples:
        return series_of(self._body(self._send("/api/v1/query", {"query": query})), self._client.name)

    def _send(self, path: str, parameters: Mapping[str, str]) -> Reply:
        # Thanos: rather no answer than a part of one. Others know no such parameter
        return self._client.send("POST", path, form={**parameters, "partial_response": "false"})

    def _body(self, reply: Reply) -> Body:
        body = reply.json()
        said = body.get("error") if isinstance(body, dict) else None
        if reply.status in (400, 422) and said:
            raise QueryError(f"{self._client.name} refuses the query: {str(said)[:_LONGEST_REASON]}")
        if reply.status != 200:
            raise self._client.refuse(reply, str(said or ""), "url")
        found = to_body(body, self._client.name)
        self._note(found.notes)
        return found

    def _note(self, notes: Any) -> None:
        """Say once what an engine remarks about a query."""
        for note in notes:
            if note not in self._noted and len(self._noted) < _MOST_NOTES:
                self._noted.add(note)
                log.info("the source remarks about a query", note=note)


def _uncertain(
    answers: Mapping[str, Answer] | Mapping[str, Range], queries: Mapping[str, str]
) -> dict[str, str]:
    """Return the signals whose answer is not whole and may be wrong for that, each with why."""
    return {
        signal: f"{answer.partial}; the query adds up over what may be missing"
        for signal, answer in answers.items()
        if answer.partial and not is_certain_when_partial(queries[signal])
    }
