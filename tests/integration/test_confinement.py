"""What a run may read, and whom it may touch: everything, and nobody but its own hosts."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from agent.reasons import Reason
from agent.records import RunState
from tests.operator.site import ELSEWHERE, Site

# an action plugin as collections have them: it makes a connection by itself, and starts commands past Ansible
WILFUL = """
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader
class ActionModule(ActionBase):
    _supports_check_mode = True
    def run(self, tmp=None, task_vars=None):
        connection = self._connection
        if self._task.args["how"] == "own connection":
            connection = connection_loader.get("local", self._play_context)
        connection.exec_command("touch " + self._task.args["file"])
        return {"changed": True}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One inventory for all, which is read once."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.hosts("web1", web=["web1", "web2"], balancer=["lb"])
    return made


def touch(folder: Path, name: str, **task):
    """A task that leaves a file where it runs, and goes on when it is refused."""
    return {
        "name": name,
        "ansible.builtin.command": {"argv": ["touch", f"{folder}/{name}"]},
        "ignore_errors": True,
        "ignore_unreachable": True,
        **task,
    }


def made(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.fixture
def marks(tmp_path):
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def test_whoever_tries_reaches_nobody_but_the_target(site, marks):
    """Names, addresses, connections and plugins: where it leads is looked at when it is used."""
    site.write("playbooks/mend/action_plugins/wilful.py", WILFUL)
    wilful = {"how": "own connection", "file": f"{marks}/by_own_connection"}
    unmarked = {"how": "past the mark", "file": f"{marks}/unmarked"}
    ended = site.play(
        touch(marks, "on_target"),
        {
            "name": "Find",
            "ansible.builtin.set_fact": {"others": "{{ groups['all'] | difference(['web1']) }}"},
        },
        touch(marks, "to_others", delegate_to="{{ item }}", loop="{{ others }}"),
        touch(marks, "to_agent", delegate_to="{{ 'local' ~ others[0][:0] ~ 'host' }}"),
        touch(marks, "other_address", vars={"ansible_host": "{{ others[0] }}"}),
        touch(marks, "other_connection", vars={"ansible_connection": "{{ 'loc' ~ 'al' }}"}),
        {"name": "Say", "ansible.builtin.add_host": {"name": "new", **ELSEWHERE}},
        touch(marks, "to_new", delegate_to="{{ 'new' ~ others[0][:0] }}"),
        {"name": "Wilful", "wilful": wilful, "ignore_errors": True},
        {"name": "Unmarked", "wilful": unmarked, "ignore_errors": True},
        {"name": "Readable", "ansible.builtin.debug": {"msg": "{{ hostvars['lb'].inventory_hostname }}"}},
        touch(marks, "on_target_again"),
    )
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert made(marks) == {"on_target", "on_target_again"}
    assert ended.output.count("opsmend refuses to touch") >= 6
    assert "opsmend refuses an action that starts commands by itself" in ended.output


@pytest.mark.parametrize(
    ("play", "words"),
    [
        ({"hosts": "{{ 'local' ~ 'host' }}"}, "is the agent's own machine"),
        ({"hosts": "databases"}, "matches no host of the inventory"),
        ({"hosts": "web:!web1"}, "matches web2"),
        ({"hosts": "lb"}, "matches lb"),
        ({"handlers": [{"name": "h", "ping": None, "delegate_to": "lb"}]}, "delegated to lb"),
        ({"vars": {"pool": "lb"}, "post_tasks": [{"ping": None, "delegate_to": "{{ pool }}"}]}, "to lb"),
    ],
)
def test_a_play_or_task_for_others_is_refused_before_the_first_task(site, marks, play, words):
    """Also one of a later step: half a repair is worse than none."""
    site.playbook([], name="second.yml", **play)
    site.playbook([touch(marks, "first")])
    ended = site.run(playbooks=["playbook.yml", "second.yml"])
    assert (ended.state, ended.reason) == (RunState.FAILED, Reason.PLAY_REFUSED)
    assert words in ended.detail
    assert "companions" in ended.detail
    assert made(marks) == set()
    assert site.events == []


@pytest.mark.parametrize(
    ("play", "task", "words"),
    [
        ({"vars_prompt": [{"name": "sure", "prompt": "Sure?"}]}, {}, "asks a person for sure"),
        ({}, {"ansible.builtin.pause": {"prompt": "Sure?"}}, "asks a person ([ask]"),
        ({}, {"ansible.builtin.command": "false", "debugger": "on_failed"}, "non-zero return code"),
    ],
)
def test_no_answer_of_people_who_are_not_there_is_a_yes(site, marks, play, task, words):
    site.playbook([*([{"name": "ask", **task}] if task else []), touch(marks, "sure")], **play)
    ended = site.run(timeout=timedelta(seconds=60))
    assert ended.state is RunState.FAILED, ended.output
    assert words in ended.detail
    assert made(marks) == set()


def test_companions_are_reached_by_plays_and_by_tasks(site, marks):
    plays = [
        {"hosts": "balancer", "tasks": [touch(marks, "drained", delegate_to="{{ omit }}")]},
        {"hosts": "web", "tasks": [touch(marks, "mended"), touch(marks, "told", delegate_to="lb")]},
    ]
    site.playbook([])
    site.write("playbooks/mend/playbook.yml", [{"gather_facts": False, **play} for play in plays])
    ended = site.run("web1", companions=["lb"])
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert made(marks) == {"drained", "mended", "told"}
    assert {event.host for event in site.events} == {"web1", "lb"}


def test_a_play_that_means_target_and_companion_alike_is_refused(site, marks):
    site.playbook([touch(marks, "both")])
    ended = site.run("web1", companions=["lb"])
    assert ended.reason is Reason.PLAY_REFUSED
    assert "name a group or a host that only one of them is" in ended.detail
    assert made(marks) == set()


@pytest.mark.parametrize(("own", "state"), [(False, RunState.FAILED), (True, RunState.SUCCEEDED)])
def test_closing_a_connection_starts_nothing_that_the_inventory_does_not_say(tmp_path, marks, own, state):
    """A plugin closes one by a program of this machine, before it connects anywhere."""
    site = Site(tmp_path)
    program = site.write("ssh.sh", f"#!/bin/sh\ntouch {marks}/closed\n")
    program.chmod(0o755)
    ssh = {"ansible_connection": "ssh", "ansible_ssh_executable": str(program)}
    if own:
        site.write("inventory/hosts.yml", {"all": {"hosts": {"web1": ssh}}})
    close = {"meta": "reset_connection", **({} if own else {"vars": ssh})}
    site.playbook([close, {"name": "End", "ansible.builtin.debug": {"msg": "closed"}}])
    ended = site.run()
    assert ended.state is state, ended.output
    assert made(marks) == ({"closed"} if own else set())


ODD = ["web*", "!web1", "Grüße"]


def test_a_host_of_an_odd_name_is_that_host_and_no_pattern(tmp_path, marks):
    site = Site(tmp_path)
    variables = {**ELSEWHERE, "where": str(marks)}
    script = f"#!/bin/sh\ncat <<'E'\n{_as_json(ODD, variables)}\nE\n"
    (site.folder / "inventory" / "hosts.yml").unlink()
    site.write("inventory/cloud.sh", script).chmod(0o755)
    task = {"name": "T", "ansible.builtin.file": {"path": "{{ where }}/{{ inventory_hostname | b64encode }}"}}
    site.playbook([{**task, "ansible.builtin.file": {**task["ansible.builtin.file"], "state": "touch"}}])
    for number, name in enumerate(ODD, 1):
        ended = site.run(name)
        assert ended.state is RunState.SUCCEEDED, ended.output
        assert len(made(marks)) == number


def _as_json(names: list[str], variables: dict[str, str]) -> str:
    hosts = ["web1", "web2", *names]
    return json.dumps({"all": {"hosts": hosts}, "_meta": {"hostvars": dict.fromkeys(hosts, variables)}})


def test_only_what_was_copied_is_carried_out(site, marks, tmp_path):
    outside = tmp_path / "outside.yml"
    outside.write_text(f"- name: Outside\n  ansible.builtin.command: touch {marks}/outside\n")
    (tmp_path / "outside.j2").write_text("x")
    where = "{{ '" + str(tmp_path) + "' }}"
    template = {"src": f"{where}/outside.j2", "dest": f"{marks}/t"}
    site.playbook(
        [
            {"name": "Template", "ansible.builtin.template": template, "ignore_errors": True},
            {"name": "Tasks", "ansible.builtin.include_tasks": f"{where}/outside.yml"},
        ]
    )
    ended = site.run(timeout=timedelta(seconds=60))
    assert ended.state is RunState.FAILED
    assert "is no part of what was approved" in ended.output + ended.detail
    assert made(marks) == set()


def test_nothing_works_on_the_agents_machine_past_all_connections(tmp_path, marks):
    """But for the inventory: it is the operator's, who fetches passwords by a command."""
    site = Site(tmp_path)
    pipe = "{{ lookup('ansible.builtin.pipe', 'touch %s/%s; echo pass-word') }}"
    variables = {**ELSEWHERE, "of_inventory": pipe % (marks, "by_inventory")}
    site.write("inventory/hosts.yml", {"all": {"hosts": {"web1": {}}, "vars": variables}})
    said = {"ignore_errors": True}
    by_lines = f"{{{{ lookup('lines', 'touch {marks}/lines') }}}}"
    by_password = f"{{{{ lookup('password', '{marks}/password') }}}}"
    ended = site.play(
        {"name": "Inventory", "ansible.builtin.debug": {"msg": "{{ of_inventory }}"}},
        {"name": "Pipe", "ansible.builtin.debug": {"msg": pipe % (marks, "pipe")}, **said},
        {
            "name": "Variable",
            "ansible.builtin.debug": {"msg": "{{ x }}"},
            "vars": {"x": pipe % (marks, "v")},
            **said,
        },
        {
            "name": "Loop",
            "ansible.builtin.debug": {"msg": "{{ item }}"},
            "with_pipe": f"touch {marks}/l",
            **said,
        },
        {"name": "Lines", "ansible.builtin.debug": {"msg": by_lines}, **said},
        {"name": "Password", "ansible.builtin.debug": {"msg": by_password}, **said},
        {"name": "Fetch", "ansible.builtin.fetch": {"src": "/etc/hostname", "dest": f"{marks}/"}, **said},
        {"name": "End", "ansible.builtin.command": "true"},
    )
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert made(marks) == {"by_inventory"}
    assert ended.output.count("it works on the agent's own machine") >= 6
