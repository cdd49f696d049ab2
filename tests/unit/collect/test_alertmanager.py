"""Bodies of webhooks: each alert is judged by itself, and no text of a stranger costs the others."""

import json
from datetime import timedelta

import pytest

from agent.collect.alertmanager import parse_webhook
from agent.errors import AnswerError
from tests.make import NOW

GOOD = {
    "status": "firing",
    "labels": {"alertname": "HostDown", "instance": "Web1:9100"},
    "startsAt": NOW.isoformat(),
}
GRAFANA = {
    **GOOD,
    "annotations": {"summary": None, "value": 3},
    "values": {"A": 0.5},
    "valueString": "[ var=A ]",
    "silenceURL": "http://grafana/silence",
    "dashboardURL": "",
    "fingerprint": "c6eadffa33fcdf37",
}


def body(*alerts, **more):
    return json.dumps({"version": "4", "alerts": alerts, **more}).encode()


def parse(*alerts, **more):
    return parse_webhook(body(*alerts, **more), NOW, ("replica",))


@pytest.mark.parametrize(
    "odd",
    [
        {"annotations": {"description": "x" * 20_000}},
        {"labels": {"alertname": "A", "note": "y" * 20_000}},
        {"fingerprint": "; drop table"},
        {"fingerprint": 7},
        {"annotations": None},
        {"annotations": {"a": None, "b": ["c"]}},
        {"startsAt": "0001-01-01T00:00:00Z"},
        {"startsAt": None, "endsAt": 3},
        {"startsAt": "9999-12-31T23:59:59-23:00"},
        {"generatorURL": 3, "what": "ever"},
        {"labels": {f"l{n}": "v" for n in range(1000)}},
    ],
)
def test_an_odd_alert_is_taken_and_cut_to_size(odd):
    found = parse(GOOD, {**GOOD, **odd})
    assert (len(found.alerts), found.refused) == (2, ())
    kept = found.alerts[1]
    assert NOW - timedelta(days=1) < kept.starts_at <= NOW + timedelta(minutes=5)
    assert all(len(text) <= 4096 for text in (*kept.labels.values(), *kept.annotations.values()))
    assert len(kept.labels) <= 256


@pytest.mark.parametrize(
    "none",
    [
        None,
        3,
        "alert",
        [],
        {},
        {"status": "firing"},
        {"status": "what", "labels": {"a": "b"}},
        {"labels": {}},
    ],
)
def test_what_is_no_alert_costs_only_itself(none):
    found = parse(GOOD, none, GOOD)
    assert len(found.alerts) == 2
    assert "alert 2 of 3" in found.refused[0]


@pytest.mark.parametrize(
    "twice",
    [
        '{"status": "firing", "status": "resolved", "labels": {"alertname": "A"}}',
        '{"status": "firing", "labels": {"alertname": "A", "instance": "web1:1", "instance": "db1:1"}}',
        '{"status": "firing", "labels": {"alertname": "A"}, "labels": {"alertname": "B"}}',
    ],
)
def test_an_alert_that_can_be_read_in_two_ways_is_none_and_costs_only_itself(twice):
    good = json.dumps(GOOD)
    found = parse_webhook(f'{{"alerts": [{good}, {twice}]}}'.encode(), NOW)
    assert len(found.alerts) == 1
    assert "alert 2 of 2" in found.refused[0]
    assert "stands there twice" in found.refused[0]


@pytest.mark.parametrize("beside", ["[" * 980 + "]" * 980, "[" * 100_000, "9" * 5000])
def test_what_is_hard_to_read_hides_no_key_given_twice(beside):
    twice = '{"status": "firing", "labels": {"alertname": "A"}, "labels": {"alertname": "B"}}'
    text = f'{{"odd": {beside}, "alerts": [{twice}]}}'
    with pytest.raises(AnswerError):
        parse_webhook(text.encode(), NOW)


def test_a_body_with_two_lists_of_alerts_is_refused():
    with pytest.raises(AnswerError, match="'alerts' stands there twice"):
        parse_webhook(f'{{"alerts": [{json.dumps(GOOD)}], "alerts": []}}'.encode(), NOW)


def test_grafana_is_taken_and_its_test_opens_nothing():
    test = {**GRAFANA, "labels": {"alertname": "TestAlert", "instance": "Grafana"}}
    found = parse(GRAFANA, test, version="1", orgId=1, state="alerting", title="[FIRING:1]")
    assert (len(found.alerts), found.tests) == (1, 1)
    assert found.alerts[0].annotations == {"value": "3"}
    assert found.alerts[0].labels["host"] == "web1"


@pytest.mark.parametrize(
    "raw",
    [
        body({**GOOD, "labels": {**GOOD["labels"], "x": "@"}}).replace(b"@", b"\\ud800"),
        body({**GOOD, "labels": {**GOOD["labels"], "x": "@"}}).replace(b"@", b"\xe9"),
        b"\xef\xbb\xbf" + body(GOOD),
        body({**GOOD, "values": {"A": float("nan"), "B": float("inf")}}),
        body(GOOD).replace(b'"4"', b"4"),
    ],
)
def test_an_odd_character_or_number_costs_no_alert(raw):
    assert [one.labels["host"] for one in parse_webhook(raw, NOW).alerts] == ["web1"]


def test_an_end_before_the_begin_is_an_end():
    end = {**GOOD, "status": "resolved", "endsAt": (NOW - timedelta(hours=1)).isoformat()}
    assert parse(end).alerts[0].resolved_at == NOW


def test_alerts_that_differ_only_in_what_is_cut_are_two():
    long = ({**GOOD, "labels": {**GOOD["labels"], "x": "y" * 5000 + end}} for end in "ab")
    assert len({one.fingerprint for one in parse(*long).alerts}) == 2


@pytest.mark.parametrize(
    ("said", "count"), [("7", 7), (3.0, 3), (True, 0), (-7, 0), (None, 0), ("many", 0), (1e30, 10**9)]
)
def test_how_many_were_left_out_is_read_however_it_is_written(said, count):
    assert parse(GOOD, truncatedAlerts=said).truncated == count


def test_year_one_is_no_end():
    end = {**GOOD, "status": "resolved", "endsAt": "0001-01-01T00:00:00Z"}
    assert parse(end).alerts[0].resolved_at == NOW


def test_replicas_send_one_alert():
    one, other = (
        {**GOOD, "labels": {**GOOD["labels"], "replica": name}, "fingerprint": name} for name in "ab"
    )
    found = parse(one, other)
    assert len({alert.fingerprint for alert in found.alerts}) == 1


def test_an_alert_without_an_instance_has_no_host():
    alert = {**GOOD, "labels": {"alertname": "Watchdog"}}
    assert "host" not in parse(alert).alerts[0].labels


def test_what_was_left_out_is_told():
    found = parse(GOOD, truncatedAlerts=7, groupLabels={"alertname": "HostDown"})
    assert (found.truncated, dict(found.group)) == (7, {"alertname": "HostDown"})


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"alerts": 3}', b'{"version": "4"}', b"\xff"])
def test_what_is_no_webhook_is_refused(raw):
    with pytest.raises(AnswerError):
        parse_webhook(raw, NOW)
