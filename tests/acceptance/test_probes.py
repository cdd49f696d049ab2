"""Questions to a real host, over the operator's Ansible: read-only, known, in time."""

import os
import time
from datetime import timedelta

import pytest

from agent.collect.probes import Question, Said, questions, read_answer
from agent.demo.hosts import Cluster
from agent.demo.image import node_image
from agent.remediate import HostQuestions
from tests.make import NOW
from tests.operator.hosts import HostSite

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    name = f"opsmend-probes-{os.getpid()}"
    with Cluster(name, tmp_path_factory.mktemp("probes"), node_image(print)) as made:
        made.start(["web1"], {"web1": ["/srv/small:size=1m"]})
        yield made


@pytest.fixture
def site(tmp_path, cluster):
    return HostSite(tmp_path, cluster)


def host_answer(site, *asked, seconds=5.0):
    """What the host says, as the agent gets it."""
    client = HostQuestions(folder=site.folder / "run", config=site.configs.current())
    commands = {"web1": [one.command for one in asked]}
    return client.ask(site.inventory.read(), commands, timedelta(seconds=seconds), f"probe-{id(site):x}")[
        "web1"
    ]


def ask(site, *asked, seconds=5.0):
    """What the host's words mean, by probe."""
    host = host_answer(site, *asked, seconds=seconds)
    assert not host.error
    read = {}
    for question, one in zip(asked, host.spoken, strict=True):
        fields = {"text": one.text, "complaint": one.complaint, "code": one.code, "seconds": one.seconds}
        read[question.probe] = read_answer("web1", question, Said(user=host.user, **fields), NOW)
    return read


def test_a_healthy_host_answers_every_question(site):
    answers = ask(site, *questions("ssh.service"))
    assert not [one.error for one in answers.values() if one.error]
    assert answers["unit"].facts["ActiveState"] == "active"
    assert "22" in answers["ports"].facts


def test_a_failed_unit_and_its_journal_say_why(site, cluster):
    run = cluster.hosts["web1"].run
    run("sh", "-c", "systemd-run --unit=broken sh -c 'echo fatal: no luck; exit 3' 2>/dev/null; sleep 1")
    answers = ask(site, *questions("broken.service"))
    assert "exit status 3" in " ".join(answers["unit"].findings)
    assert any("no luck" in text for text in answers["journal"].findings)


def test_an_unknown_host_key_is_refused(tmp_path, cluster):
    config = tmp_path / "ssh_config"
    config.write_text(cluster.ssh_config.read_text().replace("known_hosts", "nobody_known"))
    # a connection that is open has been checked already: this one must be its own
    stranger = HostSite(tmp_path, cluster, ansible_ssh_common_args=f"-F {config} -o ControlPath=none")
    assert "host key" in host_answer(stranger, *questions()).error.lower()


def test_a_host_that_is_not_there_is_told(tmp_path, cluster):
    gone = HostSite(tmp_path, cluster, ansible_host="127.0.0.1", ansible_port=9)
    assert "Connection refused" in host_answer(gone, *questions()).error


def test_an_answer_that_does_not_come_costs_no_more_than_its_time(site):
    began = time.monotonic()
    answer = ask(site, Question("ports", ("sleep", "60")), seconds=1.0)["ports"]
    assert "no answer within" in answer.error
    assert time.monotonic() - began < 30


def test_an_answer_without_an_end_is_cut_and_its_control_characters_are_gone(site):
    endless = Question("journal", ("sh", "-c", r"printf '\033[31m\a'; yes"))
    answer = ask(site, endless)["journal"]
    assert len(answer.text) <= 64 * 1024
    assert "\x1b" not in answer.text
    assert "\a" not in answer.text
