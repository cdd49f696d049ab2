"""Elasticsearch or OpenSearch: spans of time in, the lines logged in them out.

A reading looks at one unchanging picture of the indexes (a point in time). The two engines name it
differently and break ties differently; which way an engine understands is found by trying.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from agent.collect.documents import field_at, reason_of, setting_for, to_line, why_in_part
from agent.collect.http import HttpClient, Reply
from agent.config.sources import SearchSection
from agent.errors import AnswerError, AnswerTooLarge, QueryError, SourceError, SourceRefused
from agent.log import Logger
from agent.records import LogLine

log = Logger("search")

SPAN = timedelta(seconds=10)
_KEEP_ALIVE = "2m"
# milliseconds, whatever the precision of the field; an index without the field is no error
_BY_TIME = {"order": "asc", "numeric_type": "date", "unmapped_type": "date"}
_MOST_SPANS = 360  # counted at once: an hour
_LARGEST_PAGE = 32 * 2**20  # bytes; lines may be stack traces, and all of a page are held at once


@dataclass(frozen=True, slots=True)
class _Opens:
    """How an engine opens a picture, what its answer calls it, what closes it, and what breaks ties."""

    path: str
    field: str
    close: str
    many: bool  # closes several at once
    tiebreaker: str

    def closed_by(self, id_: str) -> dict[str, Any]:
        return {self.field: [id_]} if self.many else {self.field: id_}


_ELASTICSEARCH = _Opens("_pit", "id", "/_pit", many=False, tiebreaker="_shard_doc")
_OPENSEARCH = _Opens("_search/point_in_time", "pit_id", "/_search/point_in_time", many=True, tiebreaker="_id")


class SearchSource:
    """One search engine. Not safe to use from several threads."""

    def __init__(self, section: SearchSection) -> None:
        self._section = section
        self._client = HttpClient("search engine", "collect.search", section, largest=_LARGEST_PAGE)
        self._index = quote(section.index, safe="*,-_.+<>{}")
        self._opensearch_first = False  # what the engine says it is; a proxy or a setting may hide it
        self._opens: _Opens | None = None  # how it opens a point in time, once that is known

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def check(self) -> str:
        """Return the engine's name and version. Raises SourceError."""
        version = field_at(self._ask("GET", "/"), "version", {})
        if not isinstance(version, Mapping) or "number" not in version:
            text = f"{self._client.name} is no search engine; is the URL right? (collect.search.url)"
            raise AnswerError(text)
        self._opensearch_first = version.get("distribution") == "opensearch"
        return f"{'OpenSearch' if self._opensearch_first else 'Elasticsearch'} {version['number']}"

    @contextmanager
    def picture(self) -> Iterator[Picture]:
        """Open a picture of the indexes that does not change, until the block ends. Raises SourceError."""
        if self._opens is None:
            self.check()
        try:
            opens, id_ = self._open()
        except QueryError:
            if self._has_indexes():
                raise
            yield Picture(_find_nothing, self._section, "", "")
            return
        tiebreaker = self._section.tiebreaker or opens.tiebreaker
        try:
            yield Picture(self._ask, self._section, id_, tiebreaker)
        finally:
            with suppress(SourceError):
                self._ask("DELETE", opens.close, opens.closed_by(id_))

    def without_time(self) -> int:
        """Return how many documents have no time, so that no reading ever finds them. Raises SourceError."""
        missing = {"bool": {"must_not": {"exists": {"field": self._section.fields.time}}}}
        body = {"query": missing, "size": 0, "track_total_hits": True}
        total = field_at(
            self._ask("POST", f"/{self._index}/_search?ignore_unavailable=true", body), "hits.total", 0
        )
        return int(field_at(total, "value", 0) if isinstance(total, dict) else total or 0)

    def _open(self) -> tuple[_Opens, str]:
        """Open a point in time in the way that the engine understands, whatever it calls itself."""
        if self._opens is not None:
            return self._opens, self._opened(self._opens)
        ways = (_OPENSEARCH, _ELASTICSEARCH) if self._opensearch_first else (_ELASTICSEARCH, _OPENSEARCH)
        first: SourceError | None = None
        for way in ways:
            try:
                id_ = self._opened(way)
            except (QueryError, SourceRefused, AnswerError) as error:
                first = first or error
            else:
                self._opens = way
                return way, id_
        assert first is not None
        raise first

    def _opened(self, way: _Opens) -> str:
        # not repeated: each one opened holds resources of the engine until it runs out
        path = f"/{self._index}/{way.path}?keep_alive={_KEEP_ALIVE}"
        id_ = self._ask("POST", path, repeatable=False).get(way.field)
        if not isinstance(id_, str):
            raise AnswerError(f"{self._client.name} opened no point in time")
        return id_

    def _has_indexes(self) -> bool:
        """Return whether the pattern fits any index: OpenSearch opens no point in time on none."""
        answer = self._ask("POST", f"/{self._index}/_search", {"size": 0, "track_total_hits": False})
        return bool(field_at(answer, "_shards.total", 0))

    def _ask(self, method: str, path: str, body: Any = None, repeatable: bool = True) -> dict[str, Any]:
        reply = self._client.send(method, path, json=body, repeatable=repeatable)
        if reply.status != 200:
            self._raise(reply)
        answer = reply.json()
        if not isinstance(answer, dict):
            raise AnswerError(f"{self._client.name} sent no JSON; is the URL right? (collect.search.url)")
        if said := reason_of(answer):  # some proxies turn every status into 200
            raise AnswerError(f"{self._client.name} answers with an error: {said}")
        failed = field_at(answer, "_shards.failed", 0)
        if failed or answer.get("timed_out"):
            raise AnswerError(f"{self._client.name} answers in part only: {why_in_part(answer, failed)}")
        return answer

    def _raise(self, reply: Reply) -> None:
        said = reason_of(reply.json())
        if reply.status == 400:
            setting = setting_for(said) or "collect.search.fields, filter"
            raise QueryError(f"{self._client.name} refuses the query: {said} ({setting})")
        raise self._client.refuse(reply, said, "index")


class Picture:
    """The indexes as they were at one moment."""

    def __init__(self, ask: Any, section: SearchSection, id_: str, tiebreaker: str) -> None:
        self._ask = ask
        self._section = section
        self._id = id_
        self._tiebreaker = tiebreaker

    def count(self, start: datetime, end: datetime) -> dict[datetime, int]:
        """Return how many lines there are in each span of ten seconds that has any."""
        counts: dict[datetime, int] = {}
        while start < end:
            stop = min(end, start + SPAN * _MOST_SPANS)
            counts.update(self._count(start, stop))
            start = stop
        return counts

    def read(self, span: datetime, since: datetime) -> Iterator[list[LogLine]]:
        """Yield the lines of a span from a time in it on, page by page, oldest first.

        Pages too large to be held are asked for in smaller ones; of a line that is too large alone only
        that it is there is told.
        """
        after: Sequence[Any] | None = None
        size = self._section.page
        while True:
            try:
                hits = self._page(since, span + SPAN, after, size)
            except AnswerTooLarge:
                if size > 1:
                    size = max(1, size // 8)
                    continue
                log.warning("line is too large to be read", at=since, largest=_LARGEST_PAGE)
                hits = self._page(since, span + SPAN, after, size, with_text=False)
            if hits:
                yield [line for hit in hits if (line := to_line(hit, self._section.fields)) is not None]
            if len(hits) < size:
                return
            after = hits[-1]["sort"]
            size = min(self._section.page, size * 2)

    def _count(self, start: datetime, end: datetime) -> dict[datetime, int]:
        spans = {"field": self._section.fields.time, "fixed_interval": f"{SPAN.seconds}s", "min_doc_count": 1}
        counted = {"aggs": {"spans": {"date_histogram": spans}}, "size": 0, "track_total_hits": False}
        answer = self._search(start, end, counted)
        # Elasticsearch leaves aggregations out when there is no index
        buckets = field_at(
            answer, "aggregations.spans.buckets", None if field_at(answer, "_shards.total", 1) else []
        )
        try:
            return {
                datetime.fromtimestamp(bucket["key"] / 1000, UTC): int(bucket["doc_count"])
                for bucket in buckets
            }
        except (TypeError, KeyError, ValueError) as error:
            raise AnswerError(
                f"the search engine counted in another shape: {type(error).__name__}"
            ) from error

    def _page(
        self, start: datetime, end: datetime, after: Sequence[Any] | None, size: int, with_text: bool = True
    ) -> list[Any]:
        fields = self._section.fields
        wanted = {fields.time, *fields.message, *fields.service, *fields.host, *fields.level}
        body: dict[str, Any] = {
            "size": size,
            "sort": [{fields.time: _BY_TIME}, {self._tiebreaker: "asc"}],
            "_source": sorted(wanted) if with_text else False,
            "track_total_hits": False,
        }
        if after is not None:
            body["search_after"] = after
        hits = field_at(self._search(start, end, body), "hits.hits", None)
        if not isinstance(hits, list) or not all(isinstance(hit, dict) and hit.get("sort") for hit in hits):
            raise AnswerError("the search engine sent hits of another shape")
        return hits

    def _search(self, start: datetime, end: datetime, body: dict[str, Any]) -> Any:
        limits = {"gte": _millis(start), "lt": _millis(end), "format": "epoch_millis"}
        wanted: list[Any] = [{"range": {self._section.fields.time: limits}}]
        if self._section.filter:
            wanted.append({"query_string": {"query": self._section.filter}})
        pit = {"id": self._id, "keep_alive": _KEEP_ALIVE}
        answer = self._ask("POST", "/_search", {**body, "query": {"bool": {"filter": wanted}}, "pit": pit})
        self._id = answer.get("pit_id", self._id)
        return answer


def _find_nothing(method: str, path: str, body: Any) -> dict[str, Any]:
    return {"aggregations": {"spans": {"buckets": []}}, "hits": {"hits": []}}


def _millis(at: datetime) -> int:
    return round(at.timestamp() * 1000)
