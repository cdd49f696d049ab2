"""What is an event, and what is none."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.collect.events import NotAnEvent, to_event
from agent.config.sources import EventFields

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def parse(body, format_="auto", **fields):
    return to_event("t/0/1", body, NOW, format_, EventFields(**fields), NOW)


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("1760000000", datetime.fromtimestamp(1760000000, UTC)),
        ("1760000000123", datetime.fromtimestamp(1760000000.123, UTC)),
        ("1760000000123456789", datetime.fromtimestamp(1760000000.123456, UTC)),
        ('"2026-01-05T13:00:00+01:00"', NOW),
        ('"2026-01-05T12:00:00"', NOW),
        ('""', NOW),
    ],
)
def test_times_come_in_many_forms(time, at):
    event = parse(b'{"kind": "k", "time": %s}' % time.encode())
    assert abs((event.at - at).total_seconds()) < 1e-3


@pytest.mark.parametrize("time", ['"2099-01-01T00:00:00Z"', "32503679999", '"2026-01-05T12:00:01"'])
def test_an_event_from_the_future_happened_now(time):
    assert parse(b'{"kind": "k", "time": %s}' % time.encode()).at == NOW


@pytest.mark.parametrize("time", ["0", '"0001-01-01T00:00:00Z"'])
def test_an_event_from_long_ago_stays_there(time):
    assert parse(b'{"kind": "k", "time": %s}' % time.encode()).at.year in (1, 1970)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "is empty"),
        (b" \n", "is empty"),
        (b"\xc3\x28", "no UTF-8"),
        (b'{"kind": "k"', "no JSON"),
        (b"{}", "none of the fields kind, type, event"),
        (b'{"kind": {}}', "none of the fields"),
        (b'{"kind": "k", "time": "soon"}', "'soon'"),
        (b'{"kind": "k", "time": -1}', "is none"),
        (b'{"kind": "k", "time": "nan"}', "is none"),
        (b'{"kind": "k", "time": "inf"}', "is none"),
        (b'{"kind": "k", "time": NaN}', "no JSON"),
        (b'{"kind": "k", "time": "0001-01-01T00:00:00+14:00"}', "is none"),
        (b'{"kind": ' + b"[" * 5000 + b"]" * 5000 + b"}", "no JSON"),
        (b'{"kind": "\\ud800"}', "no JSON"),
        (b'{"kind": ["", {}]}', "none of the fields"),
        (b"x" * 300_000, "300000 bytes"),
        (b"\0\0\0\0\x07\x08disk-full\x02", "Avro or protobuf by schema 7 "),
        (b"\0\0\0\x01\0{\x0aavro text that looks like an object", "by schema 256 "),
    ],
)
def test_what_is_no_event_says_why(body, said):
    with pytest.raises(NotAnEvent, match=said):
        parse(body)


def test_json_in_the_frame_of_a_schema_registry_is_read():
    assert parse(b'\0\0\0\0\x07 {"kind": "failover"}').kind == "failover"


def test_a_list_is_no_event_where_json_is_promised():
    with pytest.raises(NotAnEvent, match="no object"):
        parse(b"[1]", "json")


def test_braces_in_plain_text_are_plain_text_where_that_is_promised():
    assert parse(b'{"kind"', "text").message == '{"kind"'


def test_plain_values_become_labels_and_the_rest_is_left_out():
    body = b'{"type": "job", "labels": {"team": "shop"}, "tries": 3, "deep": {"a": 1}, "host": "db1:5432"}'
    event = parse(body)
    assert event.kind == "job"
    assert event.labels == {"team": "shop", "tries": "3", "host": "db1"}


def test_null_bytes_and_huge_values_are_kept_within_bounds():
    body = b'{"kind": "%s", "host": "a\\u0000b", "n": 1e400, "text": "%s"}' % (b"k" * 900, b"t" * 9000)
    with contextlib.suppress(NotAnEvent):  # a number beyond all bounds is no JSON to some
        parse(body)
    event = parse(body.replace(b"1e400", b"123456789012345678901234567890"))
    assert (len(event.kind), len(event.labels["text"])) == (200, 500)
    assert event.labels["host"] == "a\0b"


def test_of_a_field_that_is_there_twice_the_last_counts():
    assert parse(b'{"kind": "a", "kind": "b"}').kind == "b"


def test_fields_can_be_named_otherwise():
    body = b'{"what": "k", "meta": {"app": "cart"}}'
    assert parse(body, kind="what", service="meta.app").labels == {"service": "cart"}


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_not_but_nothing_else(body):
    with contextlib.suppress(NotAnEvent):
        assert parse(body).kind
