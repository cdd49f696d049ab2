"""The agent as a process: killed, stopped, started twice, with a full disk, without its source."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.reasons import Reason
from agent.records import IncidentState, RunState, Verdict
from tests.integration.workshop import MEND, settled, wait_for
from tests.servers.process import wait_until

COMMAND = "ansible.builtin.command"
OPSMEND = Path(sys.executable).parent / "opsmend"


@pytest.fixture
def agents():
    """Processes that are killed at the end."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
def start(workshop, agents):
    def starting():
        process = workshop.start()
        agents.append(process)
        wait_until(lambda: "agent started" in workshop.log(), 60, workshop.log)
        return process

    return starting


@pytest.fixture
def stores(workshop):
    opened = workshop.stores()
    yield opened
    opened.close()


def traced(workshop, *middle):
    """A playbook that leaves a line for each start and each end, with something in between."""
    trace = workshop.folder / "trace"
    return trace, [
        {"name": "Begin", COMMAND: {"argv": ["sh", "-c", f"echo begin >> {trace}"]}},
        *middle,
        {"name": "End", COMMAND: {"argv": ["sh", "-c", f"echo end >> {trace}"]}},
        *MEND,
    ]


def opsmend(workshop, *words):
    command = [OPSMEND, *words, "--config", str(workshop.folder / "opsmend.yml")]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


def lines(trace: Path) -> list[str]:
    return trace.read_text().split() if trace.exists() else []


def sleepers(mark: str) -> list[int]:
    """Processes whose command line holds a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if command.startswith(b"sleep\0" + mark.encode()):
                found.append(int(entry.name))
    return found


def test_killed_in_the_middle_of_a_playbook_one_run_verified_first_nothing_twice(workshop, start, stores):
    trace, tasks = traced(workshop, {"name": "Wait", COMMAND: "sleep 3601"})
    workshop.remediation("mend", tasks)
    agent = start()
    workshop.break_host("web1")
    wait_until(lambda: lines(trace) == ["begin"], 60, workshop.log)
    agent.kill()
    agent.wait()
    (workshop.broken / "web1").unlink()  # as if the playbook had done its work before
    start()
    wait_until(settled(stores), 60, workshop.log)
    (incident,) = stores.incidents.list()
    (run,) = stores.runs.of_incident(incident.id)
    assert (run.state, run.reason, run.verdict) == (
        RunState.INTERRUPTED,
        Reason.INTERRUPTED,
        Verdict.RECOVERED,
    )
    assert incident.state is IncidentState.RECOVERED
    assert lines(trace) == ["begin"]
    assert sleepers("3601") == []


def test_an_interrupted_run_that_did_not_help_is_for_people_not_repeated(workshop, start, stores):
    trace, tasks = traced(workshop, {"name": "Wait", COMMAND: "sleep 3602"})
    workshop.remediation("mend", tasks)
    agent = start()
    workshop.break_host("web1")
    wait_until(lambda: lines(trace) == ["begin"], 60, workshop.log)
    agent.kill()
    agent.wait()
    start()
    wait_until(settled(stores), 60, workshop.log)
    (incident,) = stores.incidents.list()
    (run,) = stores.runs.of_incident(incident.id)
    assert run.verdict is Verdict.NOT_RECOVERED
    assert (incident.state, incident.reason) == (IncidentState.ESCALATED, Reason.REMEDIATIONS_EXHAUSTED)
    assert lines(trace) == ["begin"]


def test_an_interrupted_run_is_repeated_once_where_it_may_be(workshop, start, stores):
    """Its remediation is idempotent, the policy says so, and verification found it still broken."""
    workshop.policy(remediations=[{"id": "all", "mode": "auto", "repeat_interrupted": True}])
    trace, tasks = traced(workshop, {"name": "Wait", COMMAND: "sleep 3"})
    workshop.remediation("mend", tasks)
    agent = start()
    workshop.break_host("web1")
    wait_until(lambda: lines(trace) == ["begin"], 60, workshop.log)
    agent.kill()
    agent.wait()
    start()
    wait_until(settled(stores), 40, workshop.log)
    (incident,) = stores.incidents.list()
    first, second = stores.runs.of_incident(incident.id)
    assert (first.verdict, second.verdict) == (Verdict.NOT_RECOVERED, Verdict.RECOVERED)
    assert lines(trace) == ["begin", "begin", "end"]


def test_killed_while_verifying_the_verification_goes_on(workshop, start, stores):
    verify = {
        "settle": "0s",
        "hold": "3s",
        "within": "10s",
        "checks": [{"query": 'test_healthy{host="{host}"}', "equals": 1}],
    }
    workshop.remediation("mend", MEND, verify=verify)
    agent = start()
    workshop.break_host("web1")
    wait_for(stores, IncidentState.VERIFYING)
    agent.kill()
    agent.wait()
    start()
    wait_until(settled(stores), 60, workshop.log)
    (incident,) = stores.incidents.list()
    (run,) = stores.runs.of_incident(incident.id)
    assert (run.state, run.verdict) == (RunState.SUCCEEDED, Verdict.RECOVERED)


def test_sigterm_lets_a_running_step_finish(workshop, start, stores):
    trace, tasks = traced(workshop, {"name": "Wait", COMMAND: "sleep 2"})
    workshop.remediation("mend", tasks)
    agent = start()
    workshop.break_host("web1")
    wait_until(lambda: lines(trace) == ["begin"], 60, workshop.log)
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(timeout=20) == 0
    assert lines(trace) == ["begin", "end"]
    (incident,) = stores.incidents.list()
    assert incident.state is IncidentState.VERIFYING
    start()
    wait_until(settled(stores), 60, workshop.log)
    assert stores.incidents.list()[0].state is IncidentState.RECOVERED


def test_sigterm_cancels_a_step_that_outlasts_the_grace_time_and_leaves_nothing(workshop, start, stores):
    workshop.config["remediate"]["grace"] = "1s"
    trace, tasks = traced(workshop, {"name": "Wait", COMMAND: "sleep 3603"})
    workshop.remediation("mend", tasks)
    agent = start()
    workshop.break_host("web1")
    wait_until(lambda: lines(trace) == ["begin"], 60, workshop.log)
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(timeout=30) == 0
    assert sleepers("3603") == []
    (run,) = stores.runs.of_incident(1)
    assert run.state is RunState.CANCELED
    # on a busy machine the look for what is left may not end in its time, which it says then
    assert run.reason is Reason.CANCELED or "could not be looked at" in run.detail, (run.reason, run.detail)
    assert run.verdict is Verdict.PENDING


def test_sighup_takes_up_new_files_and_refuses_broken_ones(workshop, start, stores):
    workshop.policy(remediations=[])
    agent = start()
    workshop.write("rules/policy.yml", {"roles": {}, "remediations": [{"id": "x", "mode": "sometimes"}]})
    agent.send_signal(signal.SIGHUP)
    wait_until(lambda: "reload refused" in workshop.log(), 60, workshop.log)
    assert "policy.yml:4: remediations[0].mode" in workshop.log(), workshop.log()
    assert "works again" not in workshop.log()
    workshop.break_host("web1")
    wait_for(stores, IncidentState.ESCALATED)  # by the old policy, which allows nothing
    (workshop.broken / "web1").unlink()
    wait_for(stores, IncidentState.CLEARED)
    workshop.policy()
    agent.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in workshop.log(), 60, workshop.log)
    workshop.break_host("web2")
    assert wait_for(stores, IncidentState.RECOVERED).entity == "web2"
    assert agent.poll() is None


def test_a_run_can_be_cancelled_and_everything_paused_while_the_policy_has_a_mistake(workshop, start, stores):
    trace, tasks = traced(workshop, {"name": "Wait", COMMAND: "sleep 3604"})
    workshop.remediation("mend", tasks)
    agent = start()
    workshop.break_host("web1")
    wait_until(lambda: lines(trace) == ["begin"], 60, workshop.log)
    (workshop.folder / "rules" / "policy.yml").write_text("roles: [")
    agent.send_signal(signal.SIGHUP)
    wait_until(lambda: "policy.yml" in workshop.log(), 60, workshop.log)
    assert opsmend(workshop, "pause", "--host", "wbe2") == 3  # and not for the mistake in the policy
    assert opsmend(workshop, "pause", "-m", "look first") == 0
    assert opsmend(workshop, "incident", "cancel", "1") == 0
    wait_until(settled(stores), 60, workshop.log)
    (incident,) = stores.incidents.list()
    assert (incident.state, incident.reason) == (IncidentState.ESCALATED, Reason.CANCELED)
    assert sleepers("3604") == []


def test_a_second_agent_on_the_same_state_refuses_to_start(workshop, start, agents):
    start()
    second = workshop.start()
    agents.append(second)
    assert second.wait(timeout=20) == 4
    assert "another agent (pid" in workshop.log()


def test_a_full_disk_stops_runs_and_not_the_agent(workshop, start):
    """Nothing starts that could not be remembered; when there is room again the work goes on."""
    state = Path(workshop.config["agent"]["state_dir"])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(state)], check=True)
    try:
        stores = workshop.stores()
        agent = start()
        wait_until(lambda: _fill(state / "filler"), 60)
        workshop.break_host("web1")
        wait_until(
            lambda: "nothing is started while the store cannot be used" in workshop.log(), 20, workshop.log
        )
        assert (workshop.broken / "web1").exists()
        (state / "filler").unlink()
        wait_until(settled(stores), 60, workshop.log)
        assert stores.incidents.list()[0].state is IncidentState.RECOVERED
        assert workshop.log().count("nothing is started while") < 4
        stores.close()
        agent.terminate()
        agent.wait(timeout=20)
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)


def _fill(file: Path) -> bool:
    """Take all room that is left; return whether there is none."""
    try:
        with file.open("ab", buffering=0) as stream:
            while True:
                stream.write(b"x" * 4096)
    except OSError:
        return True


def test_a_source_that_is_gone_is_said_once_and_its_return_too(workshop, start, stores):
    workshop.config["collect"]["prometheus"] = {"url": "http://127.0.0.1:1", "timeout": "500ms"}
    start()
    time.sleep(2)
    log = workshop.log()
    assert log.count("signals have no answer") == 1
    assert "refused" in log
    assert stores.incidents.list() == []


def test_bad_files_end_the_start_with_code_78_and_one_line_each(workshop, agents):
    workshop.write("rules/diagnosis/bad.yml", {"rules": [{"id": "x"}], "extra": 1})
    process = workshop.start()
    agents.append(process)
    assert process.wait(timeout=60) == 78
    assert "rules/diagnosis/bad.yml:" in workshop.log()
    assert "Traceback" not in workshop.log()
