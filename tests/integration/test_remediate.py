"""Ansible behind its door: what reaches it, what comes back, what is left behind."""

import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from agent.clock import SystemClock
from agent.errors import RunError
from agent.reasons import Reason
from agent.records import RunState
from agent.remediate import AnsibleInventory, Execution, PlaybookRunner
from tests.make import host

LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


@pytest.fixture
def runner(tmp_path):
    return PlaybookRunner(tmp_path / "run")


def execution(tmp_path, tasks, **fields):
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(
        yaml.safe_dump([{"name": "P", "hosts": "all", "gather_facts": False, "tasks": tasks}])
    )
    defaults = {
        "mark": f"test-{id(tmp_path):x}",
        "step": "go",
        "playbook": playbook,
        "hosts": [host("web1", **LOCAL)],
        "parameters": {},
        "timeout": timedelta(seconds=30),
    }
    return Execution(**{**defaults, **fields})


def run(runner, made, canceled=lambda: False):
    events = []
    return runner.run(made, events.append, canceled), events


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


@pytest.mark.parametrize("value", HOSTILE)
def test_a_parameter_reaches_the_host_as_data_and_nothing_else(tmp_path, runner, value):
    canary = tmp_path / "canary"
    value = value.replace("CANARY", str(canary))
    out = tmp_path / "out"
    tasks = [
        {
            "name": "Write",
            "ansible.builtin.copy": {"content": "{{ given }}", "dest": str(out), "mode": "0600"},
        }
    ]
    ended, _ = run(runner, execution(tmp_path, tasks, parameters={"given": value}))
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert out.read_text() == value
    assert not canary.exists()


def test_numbers_and_booleans_keep_their_type(tmp_path, runner):
    tasks = [{"name": "A", "ansible.builtin.assert": {"that": ["n == 7", "f == 0.5", "b is true"]}}]
    ended, _ = run(runner, execution(tmp_path, tasks, parameters={"n": 7, "f": 0.5, "b": True}))
    assert ended.state is RunState.SUCCEEDED, ended.output


def test_the_private_inventory_holds_the_target_and_nothing_else(tmp_path, runner):
    tasks = [
        {
            "name": "A",
            "ansible.builtin.assert": {"that": ["groups['all'] == ['web1']", "'web' in group_names"]},
        },
        {"name": "B", "ansible.builtin.command": "true", "delegate_to": "web2"},
    ]
    ended, events = run(runner, execution(tmp_path, tasks, hosts=[host("web1", "all", "web", **LOCAL)]))
    assert [event.status for event in events][:2] == ["started", "ok"]
    assert ended.state is RunState.FAILED  # web2 is a name without address or connection here
    assert ended.reason is Reason.HOST_UNREACHABLE


def test_the_workspace_is_the_owners_and_gone_afterwards(tmp_path, runner):
    seen = {}

    def look(event):
        for folder in (tmp_path / "run" / "runs").iterdir():
            seen["mode"] = stat.S_IMODE(folder.stat().st_mode)
            seen["env"] = stat.S_IMODE((folder / "env" / "extravars").stat().st_mode)

    tasks = [{"name": "T", "ansible.builtin.command": "true"}]
    runner.run(execution(tmp_path, tasks), look, lambda: False)
    assert seen == {"mode": 0o700, "env": 0o600}
    assert list((tmp_path / "run" / "runs").iterdir()) == []


def test_cancelling_leaves_no_process_behind(tmp_path, runner):
    tasks = [{"name": "T", "ansible.builtin.command": "sh -c 'sleep 3605 & sleep 3605'"}]
    cancel = threading.Event()

    def on_event(event):
        cancel.set()

    ended = runner.run(execution(tmp_path, tasks), on_event, cancel.is_set)
    assert (ended.state, ended.detail) == (RunState.CANCELED, "")
    assert subprocess.run(["pgrep", "-f", "^sleep 3605"], check=False, capture_output=True).returncode == 1


def test_a_detached_job_of_a_timed_out_step_is_ended_too(tmp_path, runner):
    tasks = [
        {"name": "Start", "ansible.builtin.command": "sleep 3606", "async": 300, "poll": 0},
        {"name": "Hang", "ansible.builtin.command": "sleep 3606"},
    ]
    ended, _ = run(runner, execution(tmp_path, tasks, timeout=timedelta(seconds=3)))
    assert ended.state is RunState.TIMED_OUT
    assert subprocess.run(["pgrep", "-f", "sleep 3606"], check=False, capture_output=True).returncode == 1


def test_no_log_is_kept_out_of_events_and_output(tmp_path, runner):
    tasks = [
        {"name": "S", "ansible.builtin.command": "sh -c 'echo {{ secret }}; exit 1'", "no_log": True},
    ]
    ended, events = run(runner, execution(tmp_path, tasks, parameters={"secret": "hunter2"}))
    shown = ended.output + ended.detail + "".join(event.message for event in events)
    assert ended.state is RunState.FAILED
    assert "hunter2" not in shown
    assert "no_log" in shown


def test_check_mode_changes_nothing(tmp_path, runner):
    target = tmp_path / "made"
    tasks = [{"name": "T", "ansible.builtin.file": {"path": str(target), "state": "touch", "mode": "0600"}}]
    ended, _ = run(runner, execution(tmp_path, tasks, check=True))
    assert ended.state is RunState.SUCCEEDED
    assert ended.changed == ("web1",)
    assert not target.exists()


def test_two_runs_at_once_do_not_mix(tmp_path, runner):
    def one(name, results):
        folder = tmp_path / name
        folder.mkdir()
        tasks = [{"name": name, "ansible.builtin.command": f"echo {name}"}]
        made = execution(folder, tasks, mark=f"both-{name}", hosts=[host(name, **LOCAL)])
        results[name] = run(runner, made)

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


class TestInventory:
    def inventory(self, folder: Path, **fields):
        return AnsibleInventory([folder], SystemClock(), timedelta(minutes=5), **fields)

    def write(self, folder: Path, **files: str) -> Path:
        for name, text in files.items():
            file = folder / (name.replace("__", "/") + ".yml")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return folder

    def test_groups_and_their_variables_apply(self, tmp_path):
        folder = self.write(
            tmp_path,
            hosts="all: {children: {web: {hosts: {web1: {own: 1}}}, db: {hosts: {db1: }}}}",
            group_vars__web="shared: from the group\nown: 0\n",
        )
        hosts = self.inventory(folder).hosts()
        assert set(hosts) == {"web1", "db1"}
        assert hosts["web1"].variables["shared"] == "from the group"
        assert hosts["web1"].variables["own"] == 1
        assert "web" in hosts["web1"].groups
        assert "web" not in hosts["db1"].groups

    def test_plugins_work(self, tmp_path):
        folder = self.write(
            tmp_path,
            a_hosts="all: {hosts: {web1: {site: north}, web2: {site: south}}}",
            b_constructed="plugin: ansible.builtin.constructed\nstrict: true\n"
            "keyed_groups:\n  - {key: site, prefix: at}\n",
        )
        assert "at_north" in self.inventory(folder).hosts()["web1"].groups

    def test_a_changed_file_is_seen_at_once(self, tmp_path):
        folder = self.write(tmp_path, hosts="all: {hosts: {web1: }}")
        inventory = self.inventory(folder)
        assert set(inventory.hosts()) == {"web1"}
        self.write(tmp_path, hosts="all: {hosts: {web2: , web3: }}")
        assert set(inventory.hosts()) == {"web2", "web3"}

    def test_a_broken_inventory_is_an_error_and_not_the_old_answer(self, tmp_path):
        folder = self.write(tmp_path, hosts="all: {hosts: {web1: }}")
        inventory = self.inventory(folder)
        inventory.hosts()
        self.write(tmp_path, hosts="all: {hosts: [web1\n")
        with pytest.raises(RunError, match="inventory cannot be read"):
            inventory.hosts()

    def test_a_source_that_cannot_be_read_is_not_asked_at_every_turn(self, tmp_path, clock):
        """A dynamic inventory asks other people's servers: an incident that waits must not flood them."""
        asked, script = tmp_path / "asked", tmp_path / "cloud.sh"
        script.write_text(f"#!/bin/sh\necho x >> {asked}\nexit 1\n")
        script.chmod(0o755)
        inventory = AnsibleInventory([script], clock, timedelta(minutes=5))

        def ask():
            with pytest.raises(RunError, match="inventory cannot be read"):
                inventory.hosts()
            return len(asked.read_text().split())

        first = ask()
        assert [ask(), ask()] == [first, first]
        clock.move(seconds=20)
        assert ask() > first
        script.write_text('#!/bin/sh\necho \'{"all": {"hosts": ["web1"]}}\'\n')
        assert set(inventory.hosts()) == {"web1"}

    def test_vaulted_variables_reach_the_run_and_nothing_else(self, tmp_path, runner):
        password = tmp_path / "password"
        password.write_text("open sesame")
        folder = tmp_path / "inventory"
        self.write(folder, hosts="all: {hosts: {web1: }}")
        encrypted = subprocess.run(
            [Path(sys.executable).parent / "ansible-vault", "encrypt_string",
             "--vault-password-file", password, "hunter2", "--name", "secret"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        local = yaml.safe_dump(LOCAL)
        self.write(folder, group_vars__all=local + encrypted)
        found = self.inventory(folder, vault_password_file=password).hosts()["web1"]
        assert "hunter2" not in str(found)
        vaulted = PlaybookRunner(tmp_path / "run", vault_password_file=password)
        tasks = [{"name": "A", "ansible.builtin.assert": {"that": "secret == 'hunter2'"}, "no_log": True}]
        ended, _ = run(vaulted, execution(tmp_path, tasks, hosts=[found]))
        assert ended.state is RunState.SUCCEEDED, ended.output

    def test_what_an_inventory_plugin_read_outside_is_never_a_template(self, tmp_path, runner):
        """Ansible does not trust such a string; writing the private inventory must not change that."""
        canary = tmp_path / "canary"
        plugin = tmp_path / "plugins" / "cloud.py"
        plugin.parent.mkdir()
        plugin.write_text(
            "DOCUMENTATION = '''\nname: cloud\nshort_description: s\noptions: {}\n'''\n"
            "from ansible.plugins.inventory import BaseInventoryPlugin\n"
            "class InventoryModule(BaseInventoryPlugin):\n"
            "    NAME = 'cloud'\n"
            "    def verify_file(self, path): return path.endswith('cloud.yml')\n"
            "    def parse(self, inventory, loader, path, cache=True):\n"
            "        inventory.add_host('web1')\n"
            f"        for key, value in {LOCAL!r}.items(): inventory.set_variable('web1', key, value)\n"
            f"        inventory.set_variable('web1', 'tag', \"{{{{ lookup('pipe', 'touch {canary}') }}}}\")\n"
        )
        folder = self.write(tmp_path / "inventory", cloud="plugin: cloud\n")
        config = tmp_path / "ansible.cfg"
        config.write_text(
            f"[defaults]\ninventory_plugins = {plugin.parent}\n[inventory]\nenable_plugins = cloud\n"
        )
        found = self.inventory(folder, config=config).hosts()["web1"]
        tasks = [{"name": "D", "ansible.builtin.debug": {"var": "tag"}}]
        ended, _ = run(runner, execution(tmp_path, tasks, hosts=[found]))
        assert ended.state is RunState.SUCCEEDED, ended.output
        assert not canary.exists()
