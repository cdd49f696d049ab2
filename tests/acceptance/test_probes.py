"""Questions over ssh to a real host: read-only, known, in time."""

import os
import time
from datetime import timedelta

import pytest

from agent.clock import SystemClock
from agent.collect.probes import HostProbes, Question, questions
from agent.demo.hosts import Cluster
from agent.demo.image import node_image
from agent.errors import SourceRefused, SourceUnreachable

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    name = f"opsmend-probes-{os.getpid()}"
    with Cluster(name, tmp_path_factory.mktemp("probes"), node_image(print)) as made:
        made.start(["web1"], {"web1": ["/srv/small:size=1m"]})
        yield made


def probes(host, seconds=5.0):
    return HostProbes(SystemClock(), ssh_config=host.ssh_config, timeout=timedelta(seconds=seconds))


def ask(host, *asked, seconds=5.0):
    return {one.probe: one for one in probes(host, seconds).ask("web1", asked)}


def test_a_healthy_host_answers_every_question(host):
    answers = ask(host, *questions("ssh.service"))
    assert not [one.error for one in answers.values() if one.error]
    assert answers["unit"].facts["ActiveState"] == "active"
    assert "22" in answers["ports"].facts


def test_a_failed_unit_and_its_journal_say_why(host):
    run = host.hosts["web1"].run
    run("sh", "-c", "systemd-run --unit=broken sh -c 'echo fatal: no luck; exit 3' 2>/dev/null; sleep 1")
    answers = ask(host, *questions("broken.service"))
    assert "exit status 3" in " ".join(answers["unit"].findings)
    assert any("no luck" in text for text in answers["journal"].findings)


def test_an_unknown_host_key_is_refused(host, tmp_path):
    text = host.ssh_config.read_text().replace("known_hosts", "nobody_known")
    config = tmp_path / "config"
    config.write_text(text)
    stranger = HostProbes(SystemClock(), ssh_config=config, timeout=timedelta(seconds=5))
    with pytest.raises(SourceRefused, match="web1"):
        stranger.ask("web1", questions())


def test_a_host_that_is_not_there_is_told(host, tmp_path):
    config = tmp_path / "config"
    config.write_text("Host gone\n  HostName 127.0.0.1\n  Port 9\n")
    with pytest.raises(SourceUnreachable, match="gone"):
        HostProbes(SystemClock(), ssh_config=config).ask("gone", questions())


def test_an_answer_that_does_not_come_costs_no_more_than_its_time(host):
    began = time.monotonic()
    answer = ask(host, Question("ports", ("sleep", "60")), seconds=1.0)["ports"]
    assert answer.error
    assert time.monotonic() - began < 4


def test_an_answer_without_an_end_is_cut_and_its_control_characters_are_gone(host):
    endless = Question("journal", ("sh", "-c", r"printf '\033[31m\a'; yes"))
    answer = ask(host, endless)["journal"]
    assert len(answer.text) <= 64 * 1024
    assert "\x1b" not in answer.text
    assert "\a" not in answer.text
