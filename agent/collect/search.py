"""Elasticsearch or OpenSearch: spans of time in, the lines logged in them out.

A reading looks at one unchanging picture of the indexes (a point in time). The two engines name it
differently and break ties differently; ``GET /`` tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from agent.collect.http import HttpClient, Reply
from agent.config.sources import LogFields, SearchSection
from agent.errors import AnswerError, AnswerTooLarge, QueryError, SourceError
from agent.instance import host_of
from agent.log import Logger
from agent.records import LogLine

log = Logger("search")

SPAN = timedelta(seconds=10)
_KEEP_ALIVE = "2m"
# milliseconds, whatever the precision of the field; an index without the field is no error
_BY_TIME = {"order": "asc", "numeric_type": "date", "unmapped_type": "date"}
_MOST_SPANS = 360  # counted at once: an hour
_LARGEST_PAGE = 32 * 2**20  # bytes; lines may be stack traces, and all of a page are held at once


class SearchSource:
    """One search engine. Not safe to use from several threads."""

    def __init__(self, section: SearchSection) -> None:
        self._section = section
        self._client = HttpClient("search engine", "collect.search", section, largest=_LARGEST_PAGE)
        self._index = quote(section.index, safe="*,-_.+<>{}")
        self._is_opensearch: bool | None = None

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def check(self) -> str:
        """Return the engine's name and version. Raises SourceError."""
        version = _at(self._ask("GET", "/"), "version", {})
        if not isinstance(version, Mapping) or "number" not in version:
            text = f"{self._client.name} is no search engine; is the URL right? (collect.search.url)"
            raise AnswerError(text)
        self._is_opensearch = version.get("distribution") == "opensearch"
        return f"{'OpenSearch' if self._is_opensearch else 'Elasticsearch'} {version['number']}"

    @contextmanager
    def picture(self) -> Iterator[Picture]:
        """Open a picture of the indexes that does not change, until the block ends. Raises SourceError."""
        if self._is_opensearch is None:
            self.check()
        opensearch = bool(self._is_opensearch)
        keep = f"?keep_alive={_KEEP_ALIVE}"
        path = f"/{self._index}/_search/point_in_time" if opensearch else f"/{self._index}/_pit"
        try:
            # not repeated: each one opened holds resources of the engine until it runs out
            answer = self._ask("POST", path + keep, repeatable=False)
        except QueryError:
            if self._has_indexes():
                raise
            yield Picture(_find_nothing, self._section, "", "")
            return
        id_ = answer.get("pit_id" if opensearch else "id")
        if not isinstance(id_, str):
            raise AnswerError(f"{self._client.name} opened no point in time")
        tiebreaker = self._section.tiebreaker or ("_id" if opensearch else "_shard_doc")
        try:
            yield Picture(self._ask, self._section, id_, tiebreaker)
        finally:
            close = "/_search/point_in_time" if opensearch else "/_pit"
            with suppress(SourceError):
                self._ask("DELETE", close, {"pit_id": [id_]} if opensearch else {"id": id_})

    def _has_indexes(self) -> bool:
        """Return whether the pattern fits any index: OpenSearch opens no point in time on none."""
        answer = self._ask("POST", f"/{self._index}/_search", {"size": 0, "track_total_hits": False})
        return bool(_at(answer, "_shards.total", 0))

    def _ask(self, method: str, path: str, body: Any = None, repeatable: bool = True) -> dict[str, Any]:
        reply = self._client.send(method, path, json=body, repeatable=repeatable)
        if reply.status != 200:
            self._raise(reply)
        answer = reply.json()
        if not isinstance(answer, dict):
            raise AnswerError(f"{self._client.name} sent no JSON; is the URL right? (collect.search.url)")
        failed = _at(answer, "_shards.failed", 0)
        if failed or answer.get("timed_out"):
            raise AnswerError(f"{self._client.name} answers in part only: {failed} shards failed")
        return answer

    def _raise(self, reply: Reply) -> None:
        said = _reason(reply.json())
        if reply.status == 400:
            raise QueryError(f"{self._client.name} refuses the query: {said} (collect.search.fields, filter)")
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
        buckets = _at(answer, "aggregations.spans.buckets", None if _at(answer, "_shards.total", 1) else [])
        try:
            return {
                datetime.fromtimestamp(bucket["key"] / 1000, UTC): int(bucket["doc_count"])
                for bucket in buckets
            }
        except (TypeError, KeyError, ValueError) as error:
            raise AnswerError(f"the search engine counted in another shape: {error!r}") from error

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
        hits = _at(self._search(start, end, body), "hits.hits", None)
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


def to_line(hit: Mapping[str, Any], fields: LogFields) -> LogLine | None:
    """Return a hit as a line, or None when it has no time. One without a text is a line all the same."""
    source = hit.get("_source") or {}
    message = first(source, fields.message)
    sort = hit["sort"][0]
    if not isinstance(sort, int | float):
        return None
    host = first(source, fields.host)
    service, level = first(source, fields.service), first(source, fields.level)
    labels = {"service": service, "host": host_of(host), "level": level}
    return LogLine(
        id=f"{hit.get('_index')}/{hit.get('_id')}",
        at=datetime.fromtimestamp(sort / 1000, UTC),
        message=message,
        labels={name: value[:200] for name, value in labels.items() if value},
    )


def first(document: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the first of the fields that is there as text, else an empty one.

    >>> first({"log": {"level": "error"}, "a.b": 1}, ["nothing", "log.level"])
    'error'
    """
    for name in names:
        value = _at(document, name, None)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, bool | int | float | str) and value != "":
            return str(value)
    return ""


def _at(document: Any, name: str, default: Any) -> Any:
    """Return a field by its dotted name, written with dots or as objects, or in part each."""
    if not isinstance(document, dict):
        return default
    if name in document:
        return document[name]
    head, dot, rest = name.partition(".")
    while dot:
        if head in document:
            return _at(document[head], rest, default)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return default


def _reason(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return error
    causes = _at(error, "root_cause", None)
    deeper = _at(causes[0], "reason", "") if isinstance(causes, list) and causes else ""
    return str(deeper or _at(error, "reason", "") or "")


def _millis(at: datetime) -> int:
    return round(at.timestamp() * 1000)
