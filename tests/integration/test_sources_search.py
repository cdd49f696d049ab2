"""Logs from a real search engine: every line counted once."""

import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from agent.collect.logcount import LineCounter
from agent.collect.logreader import LogReader
from agent.collect.search import SearchSource
from agent.config.sources import SearchSection
from agent.errors import SourceError
from agent.store import Stores, open_stores
from tests.servers.search import Elasticsearch, OpenSearch, SearchEngine

ENGINES = {"opensearch": OpenSearch, "elasticsearch": Elasticsearch}


@pytest.fixture(
    scope="module",
    params=["opensearch", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)],
)
def engine(request) -> Iterator[SearchEngine]:
    # Elasticsearch is not run as root and must be able to enter its folder
    with tempfile.TemporaryDirectory(prefix="opsmend-search-") as name:
        Path(name).chmod(0o755)
        server = ENGINES[request.param](Path(name))
        with server.running():
            yield server


@pytest.fixture
def index(engine) -> Iterator[str]:
    name = f"logs-{random.randrange(10**9)}"
    yield name
    for found in engine.ask("GET", f"/{name}*/_alias"):
        engine.ask("DELETE", f"/{found}")


@pytest.fixture
def stores(tmp_path) -> Iterator[Stores]:
    opened = open_stores(tmp_path / "opsmend.db")
    yield opened
    opened.close()


def section(engine, index, **more) -> SearchSection:
    return SearchSection(url=engine.url, index=f"{index}*", **more)


def reader(engine, index, stores, patterns=(), **more) -> LogReader:
    """Make a reader as a start of the agent does."""
    wanted = section(engine, index, **more)
    counter = LineCounter(stores.logs.templates(), patterns)
    return LogReader("search", SearchSource(wanted), stores.logs, counter, wanted)


def lines(count, at=None, service="cart", text="order {} took {} ms"):
    at = at or datetime.now(UTC) - timedelta(seconds=30)
    return [
        {
            "@timestamp": (at + timedelta(milliseconds=n % 50)).isoformat(),
            "message": text.format(n, n * 7),
            "service": {"name": service},
            "host": {"name": f"web{n % 2}"},
            "log.level": "info",
        }
        for n in range(count)
    ]


def test_lines_become_counts_of_their_template_and_entity(engine, index, stores):
    engine.index(index, lines(40) + lines(10, service="shop", text="cannot write: No space left, {} {}"))
    assert reader(engine, index, stores, ["No space left"]).read(datetime.now(UTC)) == 50
    counts = stores.logs.counts(datetime.now(UTC) - timedelta(minutes=5), ["template"])
    by_service = {}
    for one in counts:
        by_service[one.labels["service"]] = by_service.get(one.labels["service"], 0) + one.lines
        assert one.labels["host"] in ("web0", "web1")
        assert one.labels["level"] == "info"
    assert by_service == {"cart": 40, "shop": 10}
    texts = {one.text: one.lines for one in stores.logs.templates()}
    assert texts == {"order <*> took <*>": 40, "cannot write: No space left, <*>": 10}
    pattern = stores.logs.counts(datetime.now(UTC) - timedelta(minutes=5), ["pattern"])
    assert sum(one.lines for one in pattern) == 10


def test_pages_neither_lose_nor_repeat_lines_of_the_same_moment(engine, index, stores):
    at = datetime.now(UTC) - timedelta(seconds=30)
    engine.index(index, [{**line, "@timestamp": at.isoformat()} for line in lines(537)])
    assert reader(engine, index, stores, page=10).read(datetime.now(UTC)) == 537
    assert stores.logs.lines() == 537


def test_a_second_reading_finds_only_what_is_new(engine, index, stores):
    engine.index(index, lines(100))
    first = reader(engine, index, stores)
    assert first.read(datetime.now(UTC)) == 100
    assert first.read(datetime.now(UTC)) == 0
    engine.index(index, lines(7))
    assert first.read(datetime.now(UTC)) == 7


def test_a_restarted_reader_goes_on_where_the_last_one_was(engine, index, stores):
    engine.index(index, lines(100))
    reader(engine, index, stores).read(datetime.now(UTC))
    engine.index(index, lines(30))
    assert reader(engine, index, stores).read(datetime.now(UTC)) == 30
    assert [one.lines for one in stores.logs.templates()] == [130]


def test_a_line_that_arrives_late_is_counted(engine, index, stores):
    engine.index(index, lines(50))
    late = reader(engine, index, stores)
    late.read(datetime.now(UTC))
    engine.index(index, lines(5, at=datetime.now(UTC) - timedelta(minutes=8)))
    assert late.read(datetime.now(UTC)) == 5


def test_what_is_older_than_the_cursor_is_looked_for_no_more(engine, index, stores):
    now = datetime.now(UTC)
    engine.index(index, lines(50))
    reader(engine, index, stores, late="1m", history="10m").read(now)
    engine.index(index, lines(5, at=now - timedelta(minutes=4)))
    assert reader(engine, index, stores, late="1m").read(now) == 0
    assert stores.logs.cursor("search") > now - timedelta(seconds=75)


def test_an_index_pattern_takes_in_indexes_as_they_come(engine, index, stores):
    engine.index(f"{index}-a", lines(10))
    rolling = reader(engine, index, stores)
    rolling.read(datetime.now(UTC))
    engine.index(f"{index}-b", lines(20))
    assert rolling.read(datetime.now(UTC)) == 20


def test_a_filter_and_other_field_names_are_used(engine, index, stores):
    at = (datetime.now(UTC) - timedelta(seconds=20)).isoformat()
    documents = [{"when": at, "text": f"job {n} ended", "app": "a" if n % 2 else "b"} for n in range(10)]
    engine.index(index, documents)
    fields = {"time": "when", "message": "text", "service": "app"}
    assert reader(engine, index, stores, fields=fields, filter="app:a").read(datetime.now(UTC)) == 5
    (count,) = stores.logs.counts(datetime.now(UTC) - timedelta(minutes=5), ["template"])
    assert count.labels == {"service": "a"}


def test_an_empty_pattern_is_no_error(engine, stores):
    assert reader(engine, "nothing-there", stores).read(datetime.now(UTC)) == 0


def test_a_missing_index_names_the_setting(engine, stores):
    wanted = SearchSection(url=engine.url, index="nothing-there")
    lost = LogReader("search", SearchSource(wanted), stores.logs, LineCounter(), wanted)
    with pytest.raises(SourceError, match=r"404.*collect\.search\.index"):
        lost.read(datetime.now(UTC))


def test_lines_too_large_for_a_page_come_in_smaller_ones(engine, index, stores, monkeypatch):
    monkeypatch.setattr("agent.collect.search._LARGEST_PAGE", 64 * 1024)
    at = datetime.now(UTC) - timedelta(seconds=30)
    sizes = [10_000] * 15 + [200_000] + [100] * 5  # the large one is too large alone
    documents = [
        {"@timestamp": (at + timedelta(milliseconds=n)).isoformat(), "message": "x " * (size // 2)}
        for n, size in enumerate(sizes)
    ]
    engine.index(index, documents)
    patient = reader(engine, index, stores, page=5000)
    assert patient.read(datetime.now(UTC)) == 21
    assert patient.read(datetime.now(UTC)) == 0
    assert stores.logs.lines() == 21


def test_half_a_surrogate_pair_stops_nothing(engine, index, stores):
    at = (datetime.now(UTC) - timedelta(seconds=20)).isoformat()
    lines = "".join(
        f'{{"create": {{"_index": "{index}"}}}}\n{{"@timestamp": "{at}", "message": "cut {half}"}}\n'
        for half in ("\\ud83d", "\\udca9 off", "\\u0000", "fine")
    )
    headers = {"Content-Type": "application/x-ndjson"}
    url = f"{engine.url}/_bulk?refresh=true"
    answer = requests.post(url, data=lines.encode(), headers=headers, timeout=30).json()
    taken = sum(item["create"]["status"] == 201 for item in answer["items"])
    assert taken >= 2
    assert reader(engine, index, stores).read(datetime.now(UTC)) == taken


def test_documents_without_what_the_settings_name_are_lines_all_the_same(engine, index, stores):
    at = datetime.now(UTC)
    future, past = at + timedelta(days=30), at - timedelta(days=3000)
    deep: object = "bottom"
    for _ in range(15):
        deep = {"down": deep}
    strange = [
        {"@timestamp": (at - timedelta(seconds=20)).isoformat(), "message": {"nested": deep}},
        {"@timestamp": future.isoformat(), "message": {"text": "from the future"}},
        {"@timestamp": past.isoformat(), "message": {"text": "from long ago"}},
        {"message": {"text": "without a time"}},
    ]
    engine.index(index, strange)
    one = reader(engine, index, stores)
    assert one.read(datetime.now(UTC)) == 1
    assert one.read(datetime.now(UTC)) == 0


def test_strange_documents_do_not_stop_the_rest(engine, index, stores):
    at = (datetime.now(UTC) - timedelta(seconds=20)).isoformat()
    strange = [
        {"@timestamp": at},
        {"@timestamp": at, "message": ""},
        {"@timestamp": at, "message": "x" * 30_000},
        {"@timestamp": at, "message": "half \\ud83d a pair \x00"},
        {"@timestamp": at, "message": "good", "host": {"ip": ["1.2.3.4"]}},
    ]
    engine.index(index, strange)
    assert reader(engine, index, stores).read(datetime.now(UTC)) == 5


def write_lines(engine, index, count, start, **more):
    at = datetime.now(UTC) - timedelta(minutes=1)
    engine.index(
        index,
        [
            {"@timestamp": at.isoformat(), "message": f"line {start + n}", "host": "web1", **more}
            for n in range(count)
        ],
    )


def test_how_logs_are_read_is_found_by_trying(engine, index, stores):
    """An engine may call itself another: OpenSearch with override_main_response_version, or a proxy."""
    write_lines(engine, index, 3, 0)
    made = SearchSource(section(engine, index))
    made.check()
    made._opensearch_first = not made._opensearch_first
    with made.picture() as picture:
        now = datetime.now(UTC)
        assert sum(picture.count(now - timedelta(hours=1), now).values()) == 3
    made.close()


def test_documents_without_a_time_are_counted(engine, index):
    write_lines(engine, index, 2, 0)
    engine.index(index, [{"message": "when?"}, {"message": "never"}])
    source = SearchSource(section(engine, index))
    assert source.without_time() == 2
    source.close()


def test_a_sort_that_the_engine_refuses_names_the_setting(engine, index, stores):
    write_lines(engine, index, 3, 0)
    with pytest.raises(SourceError, match=r"collect\.search\.tiebreaker"):
        reader(engine, index, stores, tiebreaker="message").read(datetime.now(UTC))


def test_thousands_of_lines_in_one_millisecond_count_once(engine, index, stores):
    write_lines(engine, index, 3000, 0)
    made = reader(engine, index, stores, page=500)
    assert made.read(datetime.now(UTC)) == 3000
    write_lines(engine, index, 10, 3000)
    assert made.read(datetime.now(UTC)) <= 10
    assert reader(engine, index, stores, page=500).read(datetime.now(UTC)) <= 10


def test_a_message_that_journald_wrote_as_bytes_is_text(engine, index, stores):
    write_lines(engine, index, 1, 0)
    engine.index(
        index,
        [{"@timestamp": datetime.now(UTC).isoformat(), "message": list(b"caf\xc3\xa9 down"), "host": "web1"}],
    )
    now = datetime.now(UTC)
    source = SearchSource(section(engine, index))
    with source.picture() as picture:
        spans = picture.count(now - timedelta(hours=1), now + timedelta(minutes=1))
        found = [line.message for span in spans for page in picture.read(span, span) for line in page]
    source.close()
    assert "café down" in found
