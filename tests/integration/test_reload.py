"""A reload tells the truth: what is in force, what is not, and when it was refused."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent.livestatus import read_live_status
from agent.reasons import Reason
from agent.records import IncidentState
from tests.integration.workshop import wait_for
from tests.servers.process import wait_until

OPSMEND = Path(sys.executable).parent / "opsmend"


@pytest.fixture
def agent(workshop):
    process = workshop.start()
    wait_until(lambda: (status(workshop) or {}).get("polls", 0) >= 2, 60, workshop.log)
    yield process
    process.terminate()
    process.wait(timeout=30)


def status(workshop):
    return read_live_status(workshop.folder / "run")


def call(workshop, *arguments):
    command = [OPSMEND, *arguments, "--config", str(workshop.folder / "opsmend.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def change(workshop, **sections):
    for name, values in sections.items():
        workshop.config[name] = {**workshop.config[name], **values}
    workshop.save_config()


def test_an_agent_that_was_told_to_observe_acts_no_more(workshop, agent):
    change(workshop, agent={"mode": "observe"})
    assert call(workshop, "reload") == (0, "reloaded\n")
    assert status(workshop)["mode"] == "observe"
    workshop.break_host("web1")
    stores = workshop.stores()
    incident = wait_for(stores, IncidentState.HELD)
    assert incident.reason is Reason.MODE_OBSERVE
    assert stores.runs.of_incident(incident.id) == []
    stores.close()


def test_a_reload_in_the_middle_of_a_poll_and_the_poll_both_get_on(workshop, make_agent):
    agent = make_agent()
    asked, reloading = threading.Event(), threading.Event()

    def reload():
        asked.wait(10)
        reloading.set()
        agent.reload(agent.settings, workshop.definitions())

    def wait_for_the_reload():
        asked.set()
        reloading.wait(10)
        time.sleep(1)  # until it waits for the poll

    agent.source.on_answer = wait_for_the_reload
    both = [threading.Thread(target=work, daemon=True) for work in (reload, agent.pipeline.poll)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert not any(thread.is_alive() for thread in both), "each waits for what the other holds"


def test_what_only_a_restart_changes_is_named_by_the_command_and_by_status(workshop, agent):
    change(workshop, agent={"mode": "approve"}, verify={"interval": "3s"})
    code, said = call(workshop, "reload")
    assert code == 0
    assert "in force after a restart only: verify.interval" in said
    assert "not in force before systemctl restart opsmend: verify.interval" in call(workshop, "status")[1]


def test_a_mistake_is_named_and_fails_the_command(workshop, agent):
    workshop.write("rules/diagnosis/test.yml", {"rules": [{"id": "x"}]})
    code, said = call(workshop, "reload")
    assert code == 78
    assert "rules/diagnosis/test.yml:2" in said
    assert "goes on as before" in said
    assert "reload refused" in call(workshop, "status")[1]
    assert status(workshop)["mode"] == "auto"


def test_a_file_that_was_changed_and_not_reloaded_is_named(workshop, agent):
    change(workshop, agent={"mode": "observe"})
    said = "settings changed, not in force before opsmend reload: agent.mode"
    wait_until(lambda: said in call(workshop, "status")[1], 30, workshop.log)
    assert json.loads(call(workshop, "status", "--json")[1])["agent"]["mode"] == "auto"


def test_without_an_agent_there_is_nothing_to_reload(workshop):
    workshop.save_config()
    code, said = call(workshop, "reload")
    assert (code, "no agent runs" in said) == (4, True)


def test_an_agent_that_ends_instead_is_no_reload(workshop, agent):
    agent.send_signal(signal.SIGSTOP)
    waiting = subprocess.Popen(
        [OPSMEND, "reload", "--config", str(workshop.folder / "opsmend.yml")],
        stderr=subprocess.PIPE,
        text=True,
    )
    agent.kill()
    agent.wait()
    _, said = waiting.communicate(timeout=30)
    assert waiting.returncode == 4, said
