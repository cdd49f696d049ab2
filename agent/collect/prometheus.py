"""Prometheus, or what speaks its HTTP API: expressions in, samples out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from agent.collect.base import Answer, Poll, Range
from agent.collect.batches import as_one, by_signal, in_batches
from agent.collect.garbage import paused_collection
from agent.collect.http import HttpClient, Reply
from agent.config.sources import PrometheusSection
from agent.errors import AnswerError, QueryError, SourceError, SourceUnreachable

_WORKERS = 3
_STALLED_AFTER = timedelta(minutes=2)
_NEWEST_SCRAPE = "max(timestamp(up))"

T = TypeVar("T")


class PrometheusSource:
    """One Prometheus. Safe to use from several threads."""

    def __init__(self, url: str, timeout: timedelta, section: PrometheusSection | None = None) -> None:
        self.url = url
        section = section or PrometheusSection(url=url, timeout=timeout)
        self._batch = section.batch
        self._alone: set[str] = set()  # queries that spoil a batch
        self._client = HttpClient("Prometheus", "collect.prometheus", section, _WORKERS + 2)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="collect")

    def close(self) -> None:
        """Let go of threads and connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def query(self, expression: str, at: datetime | None = None) -> Answer:
        """Evaluate an expression now, or as of ``at``."""
        parameters = {"query": expression}
        if at is not None:
            parameters["time"] = f"{at.timestamp():.3f}"
        reply = self._client.send("POST", "/api/v1/query", form=parameters)
        with paused_collection():
            return _to_answer(self._data(reply), self.url)

    def query_range(self, expression: str, start: datetime, end: datetime, step: timedelta) -> Range:
        """Evaluate an expression at every step from ``start`` to ``end``."""
        step_s = max(step.total_seconds(), 1.0)
        parameters = {
            "query": expression,
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step_s:.3f}",
        }
        reply = self._client.send("POST", "/api/v1/query_range", form=parameters)
        with paused_collection():
            return _to_range(self._data(reply), self.url, start.timestamp(), end.timestamp(), step_s)

    def now(self) -> datetime:
        """Return the server's own clock."""
        return datetime.fromtimestamp(self.query("time()").at, UTC)

    def poll(self, queries: Mapping[str, str]) -> Poll:
        """Evaluate all queries, by signal.

        Never raises SourceError: a signal without an answer says why. Once the source does not answer
        at all the rest is not asked, so that a dead source costs one time limit and not fifty.
        """
        try:
            newest = self.query(_NEWEST_SCRAPE)
        except SourceError as error:
            return Poll(datetime.now(UTC), {}, dict.fromkeys(queries, str(error)))
        if not newest.values:  # nothing is scraped where samples are pushed; the answer has no time then
            return self._poll_at(self.now(), queries)
        at = datetime.fromtimestamp(newest.at, UTC)
        age_s = newest.at - newest.values[0]
        if age_s > _STALLED_AFTER.total_seconds():
            why = f"Prometheus at {self.url} has scraped nothing for {age_s:.0f} s"
            return Poll(at, {}, dict.fromkeys(queries, why))
        return self._poll_at(at, queries)

    def ranges(
        self, queries: Mapping[str, str], start: datetime, end: datetime, step: timedelta
    ) -> tuple[Mapping[str, Range], Mapping[str, str]]:
        """Evaluate all queries at every step; also return why a signal has no answer."""
        return self._ask_all(queries, lambda query: self.query_range(query, start, end, step))

    def _poll_at(self, at: datetime, queries: Mapping[str, str]) -> Poll:
        alone = {id_: query for id_, query in queries.items() if self._batch == 1 or query in self._alone}
        together = {id_: query for id_, query in queries.items() if id_ not in alone}
        batches = {as_one(batch): batch for batch in in_batches(together, self._batch)}
        found, refused = self._ask_all({text: text for text in batches}, self.query)
        answers: dict[str, Answer] = {}
        for text, answer in found.items():
            answers.update(by_signal(answer, list(batches[text])))
        for text in refused:  # one of them is wrong, too much, or no vector: each tells alone
            alone.update(batches[text])
        apart, failed = self._ask_all(alone, self.query)
        for text in refused if apart else ():  # a source that answers nothing says nothing of queries
            spoilers = batches[text].keys() & failed.keys() or batches[text].keys()
            self._alone |= {queries[signal] for signal in spoilers}
        return Poll(at, {**answers, **apart}, failed)

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

        for _ in self._pool.map(work, queries.items()):
            pass
        in_order = {signal: answers[signal] for signal in queries if signal in answers}
        return in_order, {signal: failed[signal] for signal in queries if signal in failed}

    def _answers(self) -> bool:
        try:
            self.query("time()")
        except SourceError:
            return False
        return True

    def _data(self, reply: Reply) -> Any:
        body = reply.json()
        said = body.get("error") if isinstance(body, dict) else None
        if reply.status in (400, 422) and said:
            raise QueryError(f"{self._client.name} refuses the query: {said}")
        if reply.status != 200:
            raise self._client.refuse(reply, str(said or ""), "url")
        if not isinstance(body, dict) or body.get("status") != "success":
            raise AnswerError(f"{self._client.name} sent no answer of its API; is the URL right?")
        return body.get("data")


def _to_answer(data: Any, url: str) -> Answer:
    try:
        kind, result = data["resultType"], data["result"]
        if kind in ("scalar", "string"):
            return Answer(float(result[0]), [{}], [float(result[1])])
        if kind != "vector":
            raise AnswerError(f"Prometheus at {url} answers a {kind}; the query must give an instant vector")
        # native histograms carry "histogram" instead of "value"; they are no single number
        samples = [sample for sample in result if "value" in sample]
        at = float(samples[0]["value"][0]) if samples else 0.0
        return Answer(
            at,
            [sample["metric"] for sample in samples],
            [float(sample["value"][1]) for sample in samples],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise AnswerError(f"Prometheus at {url} sent an answer of another shape: {error!r}") from error


def _to_range(data: Any, url: str, start: float, end: float, step_s: float) -> Range:
    try:
        if data["resultType"] != "matrix":
            raise AnswerError(f"Prometheus at {url} answers a {data['resultType']} to a range query")
        count = int((end - start) / step_s + 1e-6) + 1
        labels, values = [], []
        for series in data["result"]:
            row: list[float | None] = [None] * count
            for moment, value in series.get("values", ()):
                place = round((float(moment) - start) / step_s)
                number = float(value)
                if 0 <= place < count and number == number:
                    row[place] = number
            labels.append(series["metric"])
            values.append(row)
        return Range([start + step_s * place for place in range(count)], labels, values)
    except (KeyError, TypeError, ValueError) as error:
        raise AnswerError(f"Prometheus at {url} sent an answer of another shape: {error!r}") from error
