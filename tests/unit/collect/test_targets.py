"""Who is silent, alone or together, and which probers are blind; nothing is made of no answer."""

from datetime import timedelta

import pytest

from agent.collect import Answer, Poll
from agent.collect.targets import TargetWatch
from agent.config.targetsignals import TARGET_SIGNALS
from tests.make import NOW


def up(**targets):
    """Targets by host or host and port, such as ``web1=1`` or ``web1_9256=0``."""
    labels = []
    for name in targets:
        host, _, port = name.partition("_")
        labels.append({"instance": f"{host}:{port or 9100}", "job": f"job{port or 9100}"})
    return Answer(NOW.timestamp(), labels, list(targets.values()))


def probes(job="blackbox", **found):
    labels = [{"instance": f"http://{host}/", "job": job} for host in found]
    return Answer(NOW.timestamp(), labels, list(found.values()))


class Watched:
    """A watch that is polled every 15 seconds."""

    def __init__(self, interval_s=15.0):
        self.watch = TargetWatch()
        self.seconds = 0.0
        self.interval_s = interval_s
        self.poll = None

    def see(self, polls=1, failed=None, **answers):
        for _ in range(polls):
            at = NOW + timedelta(seconds=self.seconds)
            targets = answers["exporter_up"].labels if "exporter_up" in answers else ()
            scraped = {(one["job"], one.get("instance")): at.timestamp() - self.interval_s for one in targets}
            polled = Poll(at, answers, failed or {}, scraped)
            self.poll = self.watch.with_targets(polled, ["http_probe_seconds"])
            self.seconds += 15
        return self

    def of(self, signal):
        answer = self.poll.answers[signal]
        return {
            next(iter(one.values())): value for one, value in zip(answer.labels, answer.values, strict=True)
        }


@pytest.fixture
def watched():
    return Watched()


def test_a_host_is_seen_by_any_target_or_probe(watched):
    watched.see(exporter_up=up(a=0, a_9256=1, b=0, c=0), http_probe_success=probes(b=1, c=0))
    assert watched.of("host_seen") == {"a": 1, "b": 1, "c": 0}
    assert watched.of("host_targets") == {"a": 2, "b": 1, "c": 1}
    assert watched.of("monitoring_sees") == {"the monitoring": pytest.approx(2 / 3)}


def test_replicas_of_a_target_and_spellings_of_a_host_are_one_host(watched):
    labels = [
        {"instance": "Web1.Example.Test:9100", "job": "node", "replica": "a"},
        {"instance": "web1.example.test.:9100", "job": "node", "replica": "b"},
        {"instance": "[2001:db8::1]:9100", "job": "node"},
    ]
    watched.see(exporter_up=Answer(1.0, labels, [0, 1, 1]))
    assert watched.of("host_seen") == {"web1.example.test": 1, "2001:db8::1": 1}


def test_that_a_prober_answers_says_nothing_of_the_host_it_asks(watched):
    both = Answer(1.0, [{"instance": "http://a/", "job": "blackbox"}], [1])
    watched.see(exporter_up=both, http_probe_success=probes(a=0))
    assert watched.of("host_seen") == {"a": 0}
    assert watched.of("host_targets") == {}


class TestSilentTogether:
    """What fails at once is noticed within a scrape interval and a half."""

    def test_hosts_that_fall_silent_within_an_interval_are_counted_together(self, watched):
        watched.see(exporter_up=up(a=1, b=1, c=1, d=1))
        watched.see(exporter_up=up(a=0, b=1, c=1, d=1))
        watched.see(exporter_up=up(a=0, b=0, c=0, d=1))
        assert watched.of("network_lost") == {"the network": 3}

    def test_hosts_that_died_one_after_another_are_not(self, watched):
        watched.see(exporter_up=up(a=1, b=1, c=1, d=1))
        for gone in (["a"], ["a", "b"], ["a", "b", "c"]):
            watched.see(polls=20, exporter_up=up(**{name: name not in gone for name in "abcd"}))
        assert watched.of("network_lost") == {"the network": 1}

    def test_a_slow_scrape_makes_the_window_wider(self):
        slow = Watched(interval_s=60)
        slow.see(polls=5, exporter_up=up(a=1, b=1, c=1))
        slow.see(polls=4, exporter_up=up(a=0, b=1, c=1))
        slow.see(exporter_up=up(a=0, b=0, c=0))
        assert slow.of("network_lost") == {"the network": 3}

    def test_hosts_that_were_never_seen_are_silent_with_nobody(self, watched):
        watched.see(polls=3, exporter_up=up(a=0, b=0, c=0, d=1))
        assert watched.of("network_lost") == {"the network": 0}

    def test_they_stay_together_however_long_it_lasts(self, watched):
        watched.see(exporter_up=up(a=1, b=1, c=1, d=1))
        watched.see(polls=10_000, exporter_up=up(a=0, b=0, c=0, d=1))
        assert watched.of("network_lost") == {"the network": 3}


class TestBack:
    """A host that was silent for more than a lost scrape is told to be back."""

    def test_for_how_long_it_is_back(self, watched):
        watched.see(exporter_up=up(a=1, b=1)).see(polls=5, exporter_up=up(a=0, b=1))
        watched.see(exporter_up=up(a=1, b=1))
        assert watched.of("host_back") == {"a": 0}
        watched.see(polls=4, exporter_up=up(a=1, b=1))
        assert watched.of("host_back") == {"a": 60}

    def test_one_lost_scrape_is_no_absence(self, watched):
        watched.see(exporter_up=up(a=1)).see(exporter_up=up(a=0)).see(exporter_up=up(a=1))
        assert watched.of("host_back") == {}

    def test_a_host_that_left_the_monitoring_is_neither_silent_nor_back(self, watched):
        watched.see(exporter_up=up(a=1, b=1)).see(polls=9, exporter_up=up(b=1))
        watched.see(exporter_up=up(a=1, b=1))
        assert watched.of("host_back") == {}
        assert watched.of("host_seen") == {"a": 1, "b": 1}


class TestScraped:
    """A host that only a probe reaches is seen, and none of its exporters was scraped."""

    def test_a_probe_is_no_scrape(self, watched):
        watched.see(exporter_up=up(a=0, b=1), http_probe_success=probes(a=1, c=1))
        assert watched.of("host_scraped") == {"a": 0, "b": 1}
        assert watched.of("host_seen") == {"a": 1, "b": 1, "c": 1}


class TestProbers:
    """Who asks and gets no answer from anybody is not believed."""

    SCRAPED = up(a=1, b=1, c=1)

    def test_one_that_reaches_nobody_while_they_are_scraped_is_blind(self, watched):
        seconds = probes(a=0.1, b=0.1, c=0.1)
        watched.see(
            exporter_up=self.SCRAPED, http_probe_success=probes(a=0, b=0, c=0), http_probe_seconds=seconds
        )
        assert watched.of("prober_works") == {"blackbox": 0}
        for signal in ("http_probe_success", "http_probe_seconds"):
            answer = watched.poll.answers[signal]
            assert not answer.values
            assert [one.labels for one in answer.doubts] == [{"job": "blackbox"}]

    def test_another_prober_is_believed_on(self, watched):
        both = probes(a=0, b=0, c=0)
        other = probes(job="other", a=1, b=0)
        found = Answer(1.0, [*both.labels, *other.labels], [*both.values, *other.values])
        watched.see(exporter_up=self.SCRAPED, http_probe_success=found)
        assert watched.of("prober_works") == {"blackbox": 0, "other": 1}
        assert watched.poll.answers["http_probe_success"].values == [1, 0]

    def test_an_answer_that_is_an_error_is_an_answer(self, watched):
        status = probes(a=503, b=0, c=0)
        watched.see(
            exporter_up=self.SCRAPED, http_probe_success=probes(a=0, b=0, c=0), http_probe_status=status
        )
        assert watched.of("prober_works") == {"blackbox": 1}

    @pytest.mark.parametrize(
        ("scraped", "found"),
        [
            (up(a=1, b=1), probes(a=0, b=0)),  # two may really be down
            (up(a=0, b=0, c=1), probes(a=0, b=0, c=0)),  # the hosts are silent, too
            (up(x=1), probes(a=0, b=0, c=0)),  # nobody else looks at them
        ],
    )
    def test_where_it_cannot_be_told_the_prober_is_believed(self, watched, scraped, found):
        watched.see(exporter_up=scraped, http_probe_success=found)
        assert watched.of("prober_works") == {"blackbox": 1}

    def test_one_that_is_dead_is_known_by_its_job(self, watched):
        target = {"instance": "http://a/", "job": "blackbox"}
        alive = Answer(1.0, [*self.SCRAPED.labels, target], [1, 1, 1, 1])
        watched.see(exporter_up=alive, http_probe_success=probes(a=1))
        watched.see(exporter_up=Answer(1.0, alive.labels, [1, 1, 1, 0]))
        assert watched.of("prober_works") == {"blackbox": 0}
        assert watched.of("host_targets") == {"a": 1, "b": 1, "c": 1}


def test_prometheus_own_host_is_no_proof_that_it_sees_others(watched):
    own = [{"instance": "localhost:9090", "job": "prometheus"}, {"instance": "[::1]:9100", "job": "node"}]
    watched.see(exporter_up=Answer(1.0, [*own, *up(a=0, b=0).labels], [1, 1, 0, 0]))
    assert watched.of("monitoring_sees") == {"the monitoring": 0}
    assert watched.of("monitored_hosts") == {"the monitoring": 2}


def test_targets_that_were_not_answered_make_nothing(watched):
    watched.see(failed={"exporter_up": "timed out"}, http_probe_success=probes(a=1))
    assert watched.poll.failed.keys() >= TARGET_SIGNALS.keys()
    assert not watched.poll.answers.keys() & TARGET_SIGNALS.keys()


def part_of(answer):
    return Answer(answer.at, answer.labels, answer.values, "one store is gone")


def test_what_is_made_of_a_partial_answer_is_partial_and_nothing_of_what_adds_up(watched):
    watched.see(exporter_up=part_of(up(a=1)))
    of_all = {"monitoring_sees", "monitored_hosts", "prober_works"}
    assert set(watched.poll.partial) == {"exporter_up", *TARGET_SIGNALS} - of_all
    assert watched.poll.failed.keys() == of_all
    assert watched.of("host_seen") == {"a": 1}


def test_no_host_is_silent_whose_other_targets_are_in_the_missing_part(watched):
    """What is missing may say that it is well; who is missing stays as it was known."""
    watched.see(exporter_up=up(a=0, a_9256=1, b=0, b_9256=0, c=1), http_probe_success=probes(d=1))
    watched.see(4, exporter_up=part_of(up(a=0, b=0, b_9256=0, new=0)))
    assert watched.of("host_seen") == {"b": 0}
    watched.see(6, exporter_up=up(a=0, a_9256=1, b=1, b_9256=0, c=0), http_probe_success=probes(d=1))
    assert watched.of("host_seen") == {"a": 1, "b": 1, "c": 0, "d": 1}
    assert watched.of("network_lost") == {"the network": 1}


def test_labels_that_name_no_host_are_nobody(watched):
    watched.see(exporter_up=Answer(1.0, [{"instance": "a:b:c", "job": "x"}, {"job": "x"}], [0, 0]))
    assert watched.of("host_seen") == {}
