"""The command as people and programs use it: words, JSON, exit codes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.records import IncidentState
from tests.integration.workshop import settled, wait_for
from tests.servers.inbox import running_inbox
from tests.servers.process import wait_until

OPSMEND = Path(sys.executable).parent / "opsmend"


@pytest.fixture
def call(workshop):
    config = workshop.save_config()

    def calling(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [OPSMEND, *arguments, "--config", config], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return calling


@pytest.fixture
def agent(workshop):
    process = workshop.start()
    wait_until(lambda: "agent started" in workshop.log(), 60, workshop.log)
    yield process
    process.terminate()
    process.wait(timeout=30)


def test_help_says_what_each_command_does_and_every_exit_code():
    shown = subprocess.run([OPSMEND, "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("run", "check", "status", "incidents", "incident", "pause", "resume", "Exit codes", "78"):
        assert word in shown


def test_the_command_starts_fast_enough_to_be_used_in_scripts():
    """No heavy library is imported for --help; which ones would be is named."""
    heavy = ("numpy", "sqlalchemy", "requests")
    code = f"import sys, agent.cli.main; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_check_says_that_source_and_hosts_answer(call, prometheus):
    shown = call("check")
    assert f"Prometheus {prometheus.url}: answers" in shown
    assert "host web3: answers" in shown


def test_check_names_every_problem_with_file_line_and_key(workshop, call):
    workshop.write("rules/faults.yml", {"faults": [{"id": "broken", "sumary": "x"}, {"id": "X"}]})
    shown = call("check", code=78)
    assert "rules/faults.yml:3: faults[0].sumary: unknown key 'sumary' (did you mean 'summary'?)" in shown
    assert "rules/faults.yml:4: faults[1].id" in shown


def test_check_loads_what_the_agent_will_load(workshop, call, tmp_path, monkeypatch):
    """By the same functions, and from systemd's credentials where a relative name is found there."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "tokens.yml").write_text("bot: short\nann: &one abcdefghijklmnop\nbob: *one\n")
    (tmp_path / "tokens.yml").chmod(0o600)
    (tmp_path / "model.json").write_text("[]")
    (tmp_path / "urls").write_text("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ\nnonsense://x\n")
    workshop.config["api"] = {"tokens_file": "tokens.yml"}
    workshop.config["diagnose"] = {"classifier": "model.json"}
    workshop.config["notify"] = {"targets": {"desk": {"url_file": "urls"}, "boss": {"url_file": "gone"}}}
    workshop.config["collect"]["prometheus"].update(url="http://192.0.2.1:9090", timeout="1s")
    workshop.config["collect"]["prometheus"]["token_file"] = "urls"
    workshop.save_config()
    shown = call("check", code=78)
    for said in (
        "at least 16 characters",
        "has the same token as ann",
        "model.json",
        "nonsense://… is no URL that apprise knows",
        "notify.targets.boss.url_file",
        "gets its secret over plain http",
    ):
        assert said in shown
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in shown


def test_a_test_message_reaches_every_url_that_takes_it(workshop, call, tmp_path):
    with running_inbox() as inbox, running_inbox() as down:
        down.refusing = True
        (tmp_path / "urls").write_text(f"{inbox.url}\n{down.url}\n")
        workshop.config["notify"] = {"targets": {"desk": {"url_file": str(tmp_path / "urls")}}}
        workshop.save_config()
        shown = call("notify", "test", code=6)
    assert inbox.titles() == ["[opsmend] test"]
    assert "was told" in shown
    assert "503" in shown
    assert "no target 'nobody'" in call("notify", "test", "nobody", code=3)


def test_check_names_hosts_and_sources_that_do_not_answer(workshop, call):
    workshop.inventory({"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1})
    workshop.config["collect"]["prometheus"] = {"url": "http://127.0.0.1:1"}
    workshop.save_config()
    shown = call("check", code=6)
    assert "host web1: " in shown
    assert shown.count("refused") >= 2


def test_check_offline_asks_nobody(workshop, call):
    workshop.config["collect"]["prometheus"] = {"url": "http://127.0.0.1:1"}
    workshop.save_config()
    assert "1 remediations" in call("check", "--offline")


def test_without_an_agent_there_is_no_store_and_that_is_said(call):
    assert "has the agent been started?" in call("status", code=7)
    assert "has the agent been started?" in call("incidents", code=7)


def test_an_incident_from_finding_to_proof(workshop, call, agent):
    assert "running" in call("status")
    assert "no open incidents" in call("incidents")
    workshop.break_host("web1")
    stores = workshop.stores()
    wait_until(settled(stores), 60, workshop.log)
    stores.close()
    assert "It is broken: web1" in call("incidents", "--all")
    shown = call("incident", "show", "1")
    for words in ("web1 is broken", "mend on web1", "verdict recovered", "0 before, 1 after", "History"):
        assert words in shown
    told = json.loads(call("incident", "show", "1", "--json"))
    assert told["incident"]["state"] == "recovered"
    assert told["runs"][0]["plan"]["hosts"] == ["web1"]
    assert json.loads(call("status", "--json"))["agent"]["mode"] == "auto"
    assert json.loads(call("incidents", "--all", "--json"))[0]["fault"] == "broken"


def test_report_and_audit_ask_the_agent_and_read_no_state(workshop, call, agent, tmp_path):
    """As for members of its group, who may not read its state."""
    workshop.break_host("web1")
    stores = workshop.stores()
    wait_until(settled(stores), 60, workshop.log)
    stores.close()
    revenue = tmp_path / "revenue.csv"
    minutes = range(int(time.time()) - 3600, int(time.time()), 60)
    revenue.write_text("timestamp,eur\n" + "".join(f"{one},1\n" for one in minutes))
    workshop.config["agent"]["state_dir"] = str(tmp_path / "elsewhere")
    workshop.save_config()
    assert "Incidents of opsmend" in call("report")
    told = json.loads(call("report", "--json", "--since", "1h", "--impact", str(revenue)))
    assert told["faults"] == [{"name": "broken", "incidents": 1}]
    assert "intact" in call("audit", "verify")
    assert "the given head is not in the chain" in call("audit", "verify", "--head", "0" * 64, code=1)
    assert not (tmp_path / "elsewhere").exists()


def processor_seconds(*arguments):
    """The least of five runs."""
    spent = []
    for _ in range(5):
        process = subprocess.Popen([OPSMEND, *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        spent.append(usage.ru_utime + usage.ru_stime)
    return min(spent)


@pytest.mark.parametrize("command", ["status", "incidents"])
def test_what_is_typed_often_is_fast(workshop, call, agent, command):
    """On a quiet machine --version takes 0.07 s; beside other tests everything takes longer."""
    wait_until(lambda: '"polls": 2' in call("status", "--json"), 60)
    alone = processor_seconds("--version")
    spent = processor_seconds(command, "--config", str(workshop.folder / "opsmend.yml"))
    assert spent < max(0.3, alone * 3)


def test_approve_deny_and_close(workshop, call):
    workshop.config["agent"]["mode"] = "approve"
    workshop.save_config()
    process = workshop.start()
    wait_until(lambda: "agent started" in workshop.log(), 60, workshop.log)
    stores = workshop.stores()
    try:
        workshop.break_host("web1")
        wait_for(stores, IncidentState.AWAITING_APPROVAL)
        assert "opsmend incident approve 1" in call("incident", "show", "1")
        assert "approved: mend on web1" in call("incident", "approve", "1", "-m", "go")
        wait_for(stores, IncidentState.RECOVERED)
        call("incident", "approve", "1", code=4)
        workshop.break_host("web2")
        wait_for(stores, IncidentState.AWAITING_APPROVAL)
        call("incident", "deny", "2", "-m", "we are on it")
        wait_for(stores, IncidentState.ESCALATED)
        assert "closed" in call("incident", "close", "2")
        assert "is closed already" in call("incident", "close", "2", code=5)
        call("incident", "show", "99", code=3)
        assert "paused by" in call("pause", "-m", "deploy", "--for", "1h")
        assert "paused by" in call("status")
        assert "resumed" in call("resume")
        assert "not paused" in call("resume")
        assert "no duration" in call("pause", "--for", "soon", code=2)
        token = json.loads(call("tokens", "new", "jenkins", "--for", "90d", "--json"))["token"]
        assert "opens nothing any more" in call("tokens", "revoke", token["id"])
        assert "revoked" in call("tokens", "list")
        call("tokens", "revoke", "0123abcd", code=3)
        assert "person" in call("tokens", "new", "no body", code=1)
    finally:
        stores.close()
        process.terminate()
        process.wait(timeout=30)


def test_status_says_when_the_agent_is_dead(workshop, call, agent):
    wait_until(lambda: '"polls": 2' in call("status", "--json"), 60)
    agent.kill()
    agent.wait()
    assert "dead" in call("status")


@pytest.mark.parametrize("arguments", [["nonsense"], ["incident", "show", "x"], ["incident", "show", "0"]])
def test_a_wrong_command_line_is_code_2(arguments):
    assert subprocess.run([OPSMEND, *arguments], capture_output=True, check=False).returncode == 2


def test_a_missing_config_says_what_to_do():
    done = subprocess.run(
        [OPSMEND, "status", "-c", "/nowhere.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 78
    assert "--config FILE" in done.stderr


def test_a_restored_store_begins_paused_which_the_command_and_status_say(workshop, call, tmp_path):
    workshop.stores().close()
    call("backup", str(tmp_path / "copy"))
    assert "paused: this store does not know what ran since" in call("restore", str(tmp_path / "copy"))
    assert "paused by root" in call("status")
    assert "restored from copy" in call("resume")
    assert "paused" not in call("status")
