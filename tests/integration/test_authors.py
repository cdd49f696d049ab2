"""The commands of authors: words, JSON, exit codes, against a real Prometheus and real Ansible."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OPSMEND = Path(sys.executable).parent / "opsmend"
MEND = [
    {
        "name": "Mend",
        "ansible.builtin.file": {"path": "{{ broken }}/{{ inventory_hostname }}", "state": "absent"},
        "when": "how == 'gently'",
    }
]
HOW = {"how": {"type": "string", "from": "way", "choices": ["gently", "not at all"]}}


def opsmend(*arguments: str | Path, code: int = 0, folder: Path | None = None) -> str:
    path = f"{OPSMEND.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [OPSMEND, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_checkout_is_known_by_its_folders(root):
    assert "tests, " in opsmend("rules", "test", folder=root)


def test_outside_of_one_the_stock_rules_are_meant(tmp_path):
    assert "tests, " in opsmend("rules", "test", folder=tmp_path)


def test_a_config_that_is_not_there_is_told_with_the_way_out(tmp_path):
    assert "give --config FILE" in opsmend("rules", "test", "-c", "none.yml", folder=tmp_path, code=78)


def test_a_real_prometheus_takes_every_stock_query(root, prometheus):
    assert "note" not in opsmend("rules", "check", "--prometheus", prometheus.url, folder=root)
    shown = opsmend("playbooks", "check", "--quick", "--prometheus", prometheus.url, folder=root)
    assert shown.count("good") >= 18


def test_what_a_prometheus_refuses_is_named(root, prometheus, tmp_path):
    shutil.copytree(root / "rules", tmp_path / "rules")
    # newer than the test's server: the parser here knows it, the server does not
    (tmp_path / "rules" / "signals" / "own.yml").write_text(
        "signals: [{id: own, summary: s, query: 'mad_over_time(up[5m])', role: errors}]\n"
    )
    shown = opsmend(
        *("rules", "check", "--prometheus", prometheus.url, "--rules", tmp_path / "rules"),
        *("--playbooks", root / "playbooks"),
        code=78,
    )
    assert "signal own" in shown


def test_a_story_that_ends_otherwise_fails_the_command(root, tmp_path):
    file = tmp_path / "a.yml"
    text = (root / "rules" / "tests" / "process.yml").read_text()
    file.write_text(text.replace("entity: db1\n", "entity: db2\n"))
    shown = opsmend("rules", "test", file, folder=root, code=1)
    assert "expected memory_pressure on db2, found memory_pressure on db1" in shown
    assert (
        json.loads(opsmend("rules", "test", file, "--json", folder=root, code=1))["problems"][0]["line"] > 1
    )


def test_remediations_are_listed_and_shown(root):
    assert "restart_service" in opsmend("playbooks", "list", folder=root)
    shown = json.loads(opsmend("playbooks", "show", "drain_backend", "--json", folder=root))
    assert shown["fixes"] == ["backend_failing"]
    assert "there is no remediation 'none'" in opsmend("playbooks", "show", "none", folder=root, code=3)


def test_a_draft_is_written_among_stock_files_by_nobody_who_has_not_said_so(root, tmp_path):
    shutil.copytree(root / "rules", tmp_path / "rules")
    for name in ("playbooks", "mine"):
        (tmp_path / name).mkdir()
    (tmp_path / "trim.yml").write_text(
        "- hosts: all\n  tasks: [{name: Trim, ansible.builtin.command: 'true'}]\n"
    )
    before = sorted(tmp_path.rglob("*"))
    adopt = ("playbooks", "adopt", "trim.yml", "--fault", "disk_full")
    for command in (adopt, ("playbooks", "new", "trim_queue")):
        assert "name a folder of your own" in opsmend(*command, folder=tmp_path, code=5)
    assert sorted(tmp_path.rglob("*")) == before
    assert "mine/trim/remediation.yml" in opsmend(*adopt, "--playbooks", "mine", folder=tmp_path)
    assert not list((tmp_path / "playbooks").iterdir())


def test_checks_name_what_ansible_lint_would(root, tmp_path):
    shutil.copytree(root / "playbooks" / "restart_service", tmp_path / "playbooks" / "restart_service")
    file = tmp_path / "playbooks" / "restart_service" / "playbook.yml"
    file.write_text(file.read_text() + "  tasks:\n    - ansible.builtin.command: echo\n")
    shown = opsmend(
        *("playbooks", "check", "restart_service", "--rules", root / "rules"),
        *("--playbooks", root / "playbooks", "--playbooks", tmp_path / "playbooks"),
        code=78,
    )
    assert "playbook.yml:" in shown
    assert "name[missing]" in shown
    assert "no-changed-when" in shown


@pytest.fixture
def own(workshop):
    """Settings with a remediation that takes a parameter, and a host that is broken."""
    workshop.remediation("mend", MEND, parameters=HOW)
    workshop.break_host("web1")
    return workshop.save_config()


def test_a_preview_says_what_would_change_and_changes_nothing(own, workshop):
    command = ("playbooks", "run", "mend", "--host", "web1", "--check", "--config", own)
    (step,) = json.loads(opsmend(*command, "-p", "how=gently", "--json"))
    assert (step["state"], step["changes"]) == ("succeeded", True)
    assert not Path(workshop.config["agent"]["runtime_dir"]).exists()  # an author may not write there
    (step,) = json.loads(opsmend(*command, "-p", "how=not at all", "--json"))
    assert step["changes"] is False
    assert (workshop.broken / "web1").exists()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--host", "web1", "-p", "how=gently"], 5, "only the agent runs remediations"),
        (["--host", "all", "--check", "-p", "how=gently"], 1, "'all' is no host of the inventory"),
        (["--host", "web1", "--check", "-p", "how={{ broken }}"], 1, "is none of gently"),
        (["--host", "web1", "--check", "-p", "who=me"], 3, "takes no parameter 'who'"),
        (["--host", "web1", "--check"], 1, "has no label 'way'"),
    ],
)
def test_a_preview_is_refused_when_it_is_not_meant_so(own, words, code, says):
    assert says in opsmend("playbooks", "run", "mend", *words, "--config", own, code=code)
