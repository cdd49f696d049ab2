"""Ansible behind its door: what reaches it, what comes back, what is left behind."""

import json
import os
import stat
import subprocess
import threading
from datetime import timedelta

import pytest

from agent.reasons import Reason
from agent.records import RunState
from tests.operator.site import Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def left(command: str) -> bool:
    """Return whether a process with this command line lives."""
    return subprocess.run(["pgrep", "-f", command], check=False, capture_output=True).returncode == 0


HOSTILE = [
    "{{ lookup('pipe', 'touch CANARY') }}",
    "{% set x = lookup('pipe', 'touch CANARY') %}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "$(touch CANARY)",
    "`touch CANARY`",
    "'; touch CANARY; '",
    "!unsafe x",
    "!vault |\n  x",
    "yes",
    "2026-01-01",
    "null",
    "x: [1, 2",
    "a\\nb \u2028 \x07 ☃",
    "--- !!python/object/apply:os.system ['touch CANARY']",
]


def test_parameters_reach_the_host_as_data_and_nothing_else(tmp_path, site):
    canary, out = tmp_path / "canary", tmp_path / "out"
    given = {f"v{n}": value.replace("CANARY", str(canary)) for n, value in enumerate(HOSTILE)}
    content = "{{ [" + ", ".join(given) + "] | to_json }}"
    site.playbook(
        [{"name": "W", "ansible.builtin.copy": {"content": content, "dest": str(out), "mode": "0600"}}]
    )
    ended = site.run(parameters=given)
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert json.loads(out.read_text()) == list(given.values())
    assert not canary.exists()


def test_numbers_and_booleans_keep_their_type(site):
    site.playbook([{"name": "A", "ansible.builtin.assert": {"that": ["n == 7", "f == 0.5", "b is true"]}}])
    ended = site.run(parameters={"n": 7, "f": 0.5, "b": True})
    assert ended.state is RunState.SUCCEEDED, ended.output


def test_the_workspace_is_the_owners_and_gone_afterwards(tmp_path, site):
    seen = {}
    site.playbook([{"name": "T", "ansible.builtin.command": "true"}])

    def look(event):
        for folder in (tmp_path / "run" / "runs", *(tmp_path / "run" / "runs").iterdir()):
            seen[folder] = stat.S_IMODE(folder.stat().st_mode)

    before = os.umask(0)
    try:
        site.runner.run(site.execution(), look, lambda: False)
    finally:
        os.umask(before)
    assert set(seen.values()) == {0o700}
    assert list((tmp_path / "run" / "runs").iterdir()) == []


def test_cancelling_leaves_no_process_and_no_file_behind(tmp_path, site):
    site.playbook([{"name": "T", "ansible.builtin.command": "sh -c 'sleep 3605 & sleep 3605'"}])
    cancel = threading.Event()
    ended = site.runner.run(site.execution(), lambda event: cancel.set(), cancel.is_set)
    assert (ended.state, ended.detail) == (RunState.CANCELED, "")
    assert not left("^sleep 3605")
    assert list((tmp_path / "run" / "runs").iterdir()) == []


def test_a_detached_job_of_a_timed_out_step_is_ended_too(site):
    site.playbook(
        [
            {"name": "Start", "ansible.builtin.command": "sleep 3606", "async": 300, "poll": 0},
            {"name": "Hang", "ansible.builtin.command": "sleep 3606"},
        ]
    )
    ended = site.run(timeout=timedelta(seconds=3))
    assert ended.state is RunState.TIMED_OUT
    assert not left("sleep 3606")


def test_check_mode_changes_nothing(tmp_path, site):
    target = tmp_path / "made"
    site.playbook(
        [{"name": "T", "ansible.builtin.file": {"path": str(target), "state": "touch", "mode": "0600"}}]
    )
    ended = site.run(check=True)
    assert ended.state is RunState.SUCCEEDED
    assert ended.changed == ("web1",)
    assert not target.exists()


def test_two_runs_at_once_do_not_mix(tmp_path):
    def one(name, results):
        (tmp_path / name).mkdir()
        own = Site(tmp_path / name)
        own.hosts(name)
        own.playbook([{"name": name, "ansible.builtin.command": f"echo {name}"}])
        results[name] = own.run(name, mark=f"both-{name}"), own.events

    results = {}
    threads = [threading.Thread(target=one, args=(name, results)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, (ended, events) in results.items():
        assert ended.state is RunState.SUCCEEDED
        assert {event.host for event in events} == {name}
        assert {event.task for event in events} == {name}


def test_a_host_that_is_elsewhere_by_now_is_not_touched(site):
    site.playbook([{"name": "T", "ansible.builtin.command": "true"}])
    made = site.execution()
    before = {"web1": "ssh 10.0.0.1 port 22"}
    hosts = type(made.hosts)(targets=["web1"], identities=before)
    ended = site.run(hosts=hosts)
    assert ended.reason is Reason.INVENTORY_UNAVAILABLE
    assert "another machine" in ended.detail
    assert site.events == []
