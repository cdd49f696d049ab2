"""Logs, events and topologies in the store: counted once, kept whole or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from agent.records import Alert, Event, LogCount, LogSpan, TemplateSeen, Topology
from agent.records.evidence import Edge
from agent.store.alerts import AlertStore
from agent.store.events import EventStore
from agent.store.incidents import IncidentStore
from agent.store.logs import LogStore
from agent.store.topologies import TopologyStore
from tests.make import NOW, incident


def event(number, **fields):
    return Event(
        **{"id": f"t/0/{number}", "kind": "k", "at": NOW, "message": "m", "labels": {"host": "a"}, **fields}
    )


def count(lines, key="1", **labels):
    return LogCount(
        at=NOW, kind="template", key=key, labels=labels or {"host": "a"}, lines=lines, example="x"
    )


def template(number, lines, joined=()):
    return TemplateSeen(
        number=number, text="a b", lines=lines, first_seen_at=NOW, last_seen_at=NOW, joined=joined
    )


class TestEvents:
    def test_an_event_that_comes_again_counts_once(self, database):
        store = EventStore(database)
        assert store.take([event(1), event(2)], NOW) == 2
        assert store.take([event(2), event(3), event(3)], NOW) == 1
        assert [one.id for one in store.since(NOW)] == ["t/0/1", "t/0/2", "t/0/3"]

    def test_what_is_kept_comes_back_the_same(self, database):
        store = EventStore(database)
        kept = event(1, labels={"host": "wéb☃"}, message="x" * 10_000)
        store.take([kept], NOW)
        assert store.since(NOW - timedelta(days=1)) == [kept]


class TestAlertsOfReplicas:
    def alert(self, begins, ends=None):
        return Alert(
            fingerprint="f",
            name="HostBroken",
            labels={"host": "a"},
            annotations={},
            starts_at=NOW + timedelta(minutes=begins),
            received_at=NOW,
            resolved_at=None if ends is None else NOW + timedelta(minutes=ends),
        )

    @pytest.fixture
    def take(self, database):
        store = AlertStore(database)
        return lambda *alerts, at=NOW: (store.take(alerts, "test", at).changed, len(store.firing()))

    def test_replicas_that_differ_about_the_begin_tell_of_one_alert(self, take):
        assert take(self.alert(0)) == (1, 1)
        assert take(self.alert(1), self.alert(-1)) == (0, 1)

    def test_the_end_that_one_replica_tells_ends_it(self, take):
        take(self.alert(1))
        assert take(self.alert(0, ends=5)) == (1, 0)
        assert take(self.alert(1, ends=5)) == (0, 0)

    def test_the_end_told_by_the_one_that_saw_it_begin_earlier_is_no_other_alert(self, take):
        take(self.alert(1))
        assert take(self.alert(1, ends=5)) == (1, 0)
        assert take(self.alert(0, ends=5)) == (0, 0)

    def test_a_late_word_that_it_fires_does_not_open_it_again(self, take):
        take(self.alert(0))
        take(self.alert(0, ends=5))
        assert take(self.alert(0), self.alert(2)) == (0, 0)

    def test_told_again_well_after_its_end_it_fires_anew_whatever_begin_it_names(self, take):
        take(self.alert(0))
        take(self.alert(0, ends=5), at=NOW + timedelta(minutes=5))
        assert take(self.alert(0), at=NOW + timedelta(hours=12)) == (1, 1)

    def test_one_that_nobody_repeated_fires_anew_with_its_next_repeat(self, take, database):
        store = AlertStore(database)
        take(self.alert(0))
        noon = NOW + timedelta(hours=12, seconds=1)
        assert store.expire(noon, timedelta(hours=12)) == 1
        assert [one.fingerprint for one in store.expired_since(NOW)] == ["f"]
        assert take(self.alert(0), at=noon) == (1, 1)
        assert store.expired_since(NOW) == []

    def test_alerts_of_other_labels_are_others_whatever_their_fingerprint(self, take):
        other = replace(self.alert(0), labels={"host": "b"})
        assert take(self.alert(0), other) == (2, 2)
        assert take(other, self.alert(0)) == (0, 2)
        assert take(replace(other, resolved_at=NOW + timedelta(minutes=5))) == (1, 1)
        assert take(self.alert(0, ends=6)) == (1, 0)

    def test_a_flood_of_labels_is_refused_and_ends_are_taken(self, database, monkeypatch):
        monkeypatch.setattr("agent.store.alerts._MOST_FIRING", 2)
        store = AlertStore(database)
        flood = [replace(self.alert(0), fingerprint=str(number)) for number in range(5)]
        assert store.take(flood, "test", NOW) == (2, 3)
        assert store.take([replace(flood[0], resolved_at=NOW)], "test", NOW) == (1, 0)

    def test_what_begins_after_the_end_is_another_alert(self, take):
        take(self.alert(0, ends=5))
        assert take(self.alert(6)) == (1, 1)

    def test_the_end_of_an_older_one_leaves_it_alone(self, take):
        take(self.alert(10))
        assert take(self.alert(0, ends=5)) == (1, 1)

    def test_an_end_before_the_begin_does_no_harm(self, take):
        take(self.alert(0))
        assert take(self.alert(0, ends=-5)) == (1, 0)


class TestLogs:
    def test_counts_of_the_same_span_add_up(self, database):
        store = LogStore(database)
        store.keep("s", [], [count(3), count(4, host="b")])
        store.keep("s", [], [count(5)])
        assert sorted(one.lines for one in store.counts(NOW, ["template"])) == [4, 8]
        assert store.lines() == 12

    def test_a_reading_that_fails_leaves_no_trace(self, database):
        store = LogStore(database)
        broken = replace(template(2, 1), text=None)  # cannot be written
        with pytest.raises(IntegrityError):
            store.keep("s", [LogSpan(at=NOW, told=1, ids=b"12345678")], [count(1)], [template(1, 1), broken])
        assert store.lines() == 0
        assert store.spans("s", NOW) == {}
        assert store.templates() == []

    def test_spans_are_those_of_one_source_and_go_with_the_cursor(self, database):
        store = LogStore(database)
        later = NOW + timedelta(seconds=10)
        for source, at in (("s", NOW), ("s", later), ("other", NOW)):
            store.keep(source, [LogSpan(at=at, told=1, ids=b"12345678")], [])
        assert set(store.spans("s", NOW)) == {NOW, later}
        store.move_cursor("s", later)
        assert (store.cursor("s"), store.cursor("other")) == (later, None)
        assert set(store.spans("s", NOW)) == {later}
        assert set(store.spans("other", NOW)) == {NOW}

    def test_new_and_rare_templates_are_found_among_the_usual(self, database):
        store = LogStore(database)
        assert store.began() is None
        long_ago = NOW - timedelta(days=3)
        usual = replace(template(1, 1000), first_seen_at=long_ago)
        rare = replace(template(2, 3), first_seen_at=long_ago)
        counts = [count(9, key="1"), count(1, key="2"), count(700, key="3"), count(5, key="4")]
        pattern = replace(count(9, key="4"), kind="pattern")
        store.keep("s", [], [*counts, pattern], [usual, rare, template(3, 700)])
        found, few = store.unusual(NOW, few=5)
        assert {(one.key, one.lines, one.first_seen_at) for one in found} == {
            ("2", 1, long_ago),
            ("3", 700, NOW),
        }
        assert few == {"2"}
        assert store.unusual(NOW + timedelta(seconds=1), few=5) == ([], frozenset())
        assert store.began() == long_ago

    def test_a_template_that_joined_another_is_gone(self, database):
        store = LogStore(database)
        store.keep("s", [], [], [template(1, 5), template(2, 6)])
        store.keep("s", [], [], [template(1, 11, joined=(2,))])
        assert [(one.number, one.lines) for one in store.templates()] == [(1, 11)]


class TestTopologies:
    def test_an_incident_remembers_the_topology_it_was_opened_with(self, database):
        incidents, store = IncidentStore(database), TopologyStore(database)
        first, second = (incidents.add(incident(), "test").id for _ in range(2))
        old = Topology(edges=frozenset({Edge(source="a", target="b")}))
        new = Topology(edges=frozenset({Edge(source="a", target="c"), Edge(source="x", target="y")}))
        store.keep(first, old, NOW)
        store.keep(second, new, NOW)
        assert store.of_incident(first) == old
        assert store.of_incident(second) == new
        assert store.of_incident(999) is None
