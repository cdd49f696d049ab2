"""What a trained foresight says of hosts is kept, renewed, and judged by the incidents that came."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import select

from agent.background.failurefacts import absences_in, occurrences_in
from agent.background.failurewatch import FailureWatch
from agent.collect.base import Answer, Range
from agent.errors import SourceUnreachable
from agent.learn.failures.model import Judged
from agent.learn.failures.shelf import ForesightShelf
from agent.records.forecasts import Remaining
from agent.store.audit import STARTED, STOPPED
from agent.store.schema import failure_forecasts
from tests.make import NOW, candidate, incident, signal
from tests.trainings import foreseeing

HOUR = timedelta(hours=1)
QUEUE = signal("queue", query="queue", bad="high", role="saturation")


class Memory:
    """A source in which the queue of web1 has grown for an hour, and that of web2 has not."""

    def query(self, expression, at=None):
        return Answer(0.0, [{"host": "web1"}, {"host": "web2"}], [9.0, 1.0])

    def query_range(self, expression, start, end, step):
        times = np.arange(start.timestamp(), end.timestamp() + 1, step.total_seconds())
        calm = 1 + 0.1 * np.sin(times)
        grown = np.where(times > NOW.timestamp() - 3600, 9.0, calm)
        return Range(times.tolist(), [{"host": "web1"}, {"host": "web2"}], [grown.tolist(), calm.tolist()])


class Silent(Memory):
    """A source that knows who is there, and no samples."""

    def query_range(self, expression, start, end, step):
        raise SourceUnreachable("gone")


def put(shelf, judged, at=NOW, *, in_force=True):
    about = {"made_at": at, "trained_from": NOW, "trained_to": NOW, "why": "w"}
    return shelf.put([judged], about, in_force=in_force)


@pytest.fixture
def watch(stores, tmp_path, clock):
    clock.time = NOW
    shelf = ForesightShelf(tmp_path / "shelf")
    put(shelf, foreseeing(0.8))
    return FailureWatch(shelf, Memory(), lambda: {"queue": QUEUE}, stores, clock.now)


def by_host(stores):
    return {one.said.host: one for one in stores.failures.open()}


def opened(stores, host, at, **fields):
    found = candidate(entity=host, labels={"host": host}, **fields)
    return stores.incidents.add(incident(found, opened_at=at, last_seen_at=at), "t")


def test_it_says_of_each_host_how_likely_a_fault_is_and_why(watch, stores):
    watch.look()
    found = by_host(stores)
    assert found["web1"].now == pytest.approx(0.8, abs=0.01)
    assert found["web2"].now < 0.1
    assert tuple(found["web1"].said.because) == ("off:queue",)


def look_on(watch, clock, hours):
    """Look every quarter of an hour, as a running agent does, for so many hours."""
    for _ in range(round(hours * 4)):
        clock.move(minutes=15)
        watch.look()


def states(stores):
    """Return what became of the words that are over, by host."""
    with stores.database.reading() as connection:
        rows = connection.execute(select(failure_forecasts.c.host, failure_forecasts.c.state))
        return {host: state for host, state in rows if state != "open"}


def test_each_word_stands_until_its_time_is_over_and_is_judged_by_what_came(watch, stores, clock):
    watch.look()
    opened(stores, "web1", NOW + HOUR)
    look_on(watch, clock, 2)
    assert by_host(stores)["web1"].said.at > NOW  # a new word: the first one came true
    assert by_host(stores)["web2"].said.at == NOW
    look_on(watch, clock, 5)
    (record,) = stores.failures.records()
    assert (record.judged, record.came) == (2, 1)


def test_a_source_that_does_not_answer_says_nothing_and_keeps_nobody_from_judging(watch, stores, clock):
    watch.look()
    opened(stores, "web1", clock.now() + timedelta(minutes=5))
    watch._source = Silent()
    clock.move(minutes=15)
    with pytest.raises(SourceUnreachable):
        watch.look()
    assert list(by_host(stores)) == ["web2"]
    assert stores.failures.records()[0].came == 1


def test_what_was_said_for_a_time_in_which_the_agent_was_down_was_not_observed(watch, stores, clock):
    watch.look()
    opened(stores, "web1", NOW + HOUR)  # by an alert; nobody knows what else there was
    clock.move(hours=7)
    again = FailureWatch(watch._shelf, Memory(), watch._signals, stores, clock.now)
    again.look()
    assert states(stores) == {"web1": "not_observed", "web2": "not_observed"}
    assert stores.failures.records() == []
    assert by_host(stores)["web2"].said.at == clock.now()


def test_a_fault_that_was_seen_before_the_agent_went_down_came(watch, stores, clock):
    watch.look()
    look_on(watch, clock, 1)
    opened(stores, "web1", clock.now() - timedelta(minutes=5))
    clock.move(hours=7)
    FailureWatch(watch._shelf, Memory(), watch._signals, stores, clock.now).look()
    assert states(stores) == {"web1": "came", "web2": "not_observed"}


def test_a_short_restart_hides_nothing(watch, stores, clock):
    watch.look()
    look_on(watch, clock, 5)
    clock.move(minutes=30)
    again = FailureWatch(watch._shelf, Memory(), watch._signals, stores, clock.now)
    again.look()
    look_on(again, clock, 1)
    assert states(stores) == {"web1": "stayed_away", "web2": "stayed_away"}


def test_what_was_said_for_a_time_in_which_the_source_did_not_answer_was_not_observed(watch, stores, clock):
    watch.look()
    watch._source = Silent()
    for _ in range(28):
        clock.move(minutes=15)
        with pytest.raises(SourceUnreachable):
            watch.look()
    assert set(states(stores).values()) == {"not_observed"}
    assert stores.failures.records() == []


class Gone(Memory):
    """A source from which web1 has vanished."""

    def query(self, expression, at=None):
        return Answer(0.0, [{"host": "web2"}], [1.0])


def test_a_host_that_is_gone_is_named_no_more_and_judged_by_nothing(watch, stores, clock):
    watch.look()
    watch._source = Gone()
    look_on(watch, clock, 0.25)
    assert by_host(stores)["web1"].now == 0.02  # as at any time
    assert {host for host, _ in stores.failures.last_look().unknown} == {"web1"}
    look_on(watch, clock, 6.5)
    assert states(stores) == {"web1": "gone", "web2": "stayed_away"}
    assert stores.failures.records()[0].judged == 1


class Torn(Memory):
    """A source in which web2 has no sample any more, and web1 one of three series."""

    def query_range(self, expression, start, end, step):
        whole = super().query_range(expression, start, end, step)
        gone = [None if at > NOW.timestamp() - 3600 else 1.0 for at in whole.times]
        disks = [{"host": "web1", "disk": disk} for disk in "abc"]
        return Range(whole.times, [*disks, {"host": "web2"}], [whole.values[0], gone, gone, gone])


def test_a_host_without_samples_or_with_too_few_of_its_usual_series_gets_no_probability(watch, stores):
    watch._source = Torn()
    watch.look()
    assert stores.failures.open() == []
    assert {host for host, _ in stores.failures.last_look().unknown} == {"web1", "web2"}


def test_what_was_said_of_a_host_that_is_not_seen_any_more_is_not_taken_as_right(watch, stores, clock):
    watch.look()
    watch._source = Torn()
    look_on(watch, clock, 6.5)
    assert states(stores) == {"web1": "not_observed", "web2": "not_observed"}
    assert stores.failures.records() == []


def test_what_a_training_said_that_is_not_in_force_any_more_is_named_no_more(watch, stores, clock):
    watch.look()
    put(watch._shelf, Judged(horizon_s=21_600.0, why="nothing is said"), NOW + HOUR)
    look_on(watch, clock, 0.25)
    assert {one.now for one in stores.failures.open()} == {0.02}


class Counting(Memory):
    """A source that notes what it is asked."""

    def __init__(self):
        self.asked = []

    def query(self, expression, at=None):
        self.asked.append("now")
        return super().query(expression, at)

    def query_range(self, expression, start, end, step):
        self.asked.append("range")
        return super().query_range(expression, start, end, step)


def test_each_signal_is_asked_once_who_is_there_and_once_for_its_last_day(watch):
    watch._source = Counting()
    watch.look()
    assert watch._source.asked == ["now", "range"]


def test_what_is_broken_already_is_not_foretold(watch, stores):
    opened(stores, "web1", NOW)
    watch.look()
    assert list(by_host(stores)) == ["web2"]


def test_without_a_training_nothing_is_asked_or_said(stores, tmp_path, clock):
    FailureWatch(ForesightShelf(tmp_path / "none"), None, dict, stores, clock.now).look()
    assert stores.failures.open() == []


def test_forecasts_and_trouble_that_nobody_could_name_are_no_faults(stores):
    soon = Remaining(at=NOW, left=HOUR, low=HOUR, high=HOUR)
    opened(stores, "web1", NOW, foreseen=soon)
    opened(stores, "web2", NOW, fault="unknown")
    opened(stores, "web3", NOW)
    assert [one.host for one in occurrences_in(stores)] == ["web3"]


def test_a_site_that_its_agent_did_not_watch_teaches_nothing_and_a_restart_hides_nothing(stores):
    for at, action in ((NOW, STARTED), (NOW + HOUR, STOPPED), (NOW + 1.5 * HOUR, STARTED)):
        stores.audit.note(at, "opsmend", action, "agent")
    begin, end = (NOW - 9 * HOUR).timestamp(), (NOW + 9 * HOUR).timestamp()
    assert absences_in(stores, begin, end) == [(begin, NOW.timestamp())]
    stores.audit.note(NOW + 3 * HOUR, "opsmend", STOPPED, "agent")
    assert absences_in(stores, begin, end)[1:] == [((NOW + 3 * HOUR).timestamp(), end)]


def test_what_one_says_that_runs_beside_is_told_to_nobody_and_judged_at_the_same_times(watch, stores, clock):
    current = watch._shelf.current().name
    beside = put(watch._shelf, foreseeing(0.4), NOW + HOUR, in_force=False).name
    watch.look()
    assert {one.said.training for one in stores.failures.open()} == {current}
    said = {one.said.host: one.said for one in stores.failures.open(beside=True)}
    assert said["web1"].probability == pytest.approx(0.4, abs=0.01)
    assert said["web1"].training == beside
    opened(stores, "web1", NOW + HOUR)
    look_on(watch, clock, 7)
    ((record,), (own,), (other,)) = (
        stores.failures.records(),
        stores.failures.compare(current, beside),
        stores.failures.compare(beside, current),
    )
    assert (record.judged, own.judged, own.came, own.shared) == (2, 2, 1, 2)
    assert other.brier_other == own.brier_shared == own.brier
    assert own.brier < own.brier_other == other.brier  # it was surer of what came


def test_one_beside_waits_until_what_is_told_is_said_anew(watch, stores, clock):
    watch.look()
    beside = put(watch._shelf, foreseeing(0.4), NOW + HOUR, in_force=False).name
    look_on(watch, clock, 1)
    assert stores.failures.open(beside=True) == []
    opened(stores, "web1", clock.now())
    look_on(watch, clock, 1)
    (word,) = stores.failures.open(beside=True)
    assert (word.said.host, word.said.training) == ("web1", beside)
    assert word.said.at == by_host(stores)["web1"].said.at


def test_where_none_in_force_says_anything_the_one_beside_is_recorded_all_the_same(stores, tmp_path, clock):
    clock.time = NOW
    shelf = ForesightShelf(tmp_path / "shelf")
    put(shelf, foreseeing(0.8), in_force=False)
    FailureWatch(shelf, Memory(), lambda: {"queue": QUEUE}, stores, clock.now).look()
    assert stores.failures.open() == []
    assert len(stores.failures.open(beside=True)) == 2


def test_one_beside_that_is_refused_silences_nobody(watch, stores):
    beside = put(watch._shelf, foreseeing(0.4), NOW + HOUR, in_force=False)
    file = watch._shelf.folder / beside.name / "00000.json"
    file.write_bytes(file.read_bytes()[:-9])
    watch.look()
    assert sorted(by_host(stores)) == ["web1", "web2"]
    assert stores.failures.open(beside=True) == []
