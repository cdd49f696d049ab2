"""Sites as operators have them: logins without root, shells of all kinds, jump hosts, vaults, collections.

What takes longer is ``make test-operators``.
"""

import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from agent.collect.probes import Said, questions, read_answer
from agent.demo.hosts import Cluster
from agent.demo.image import node_image
from agent.reasons import Reason
from agent.records import RunState
from agent.remediate import HostQuestions
from tests.make import NOW
from tests.operator.hosts import LOGINS, PASSWORD, HostSite, add_logins
from tests.servers.process import wait_until

pytestmark = pytest.mark.cluster
SLOW = pytest.mark.operators


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    name = f"opsmend-operators-{os.getpid()}"
    with Cluster(name, tmp_path_factory.mktemp("operators"), node_image(print)) as made:
        made.start(["web1", "lb", "bastion"])
        add_logins(made.hosts["web1"], (made.folder / "key.pub").read_text())
        yield made


def site_of(tmp_path, cluster, login="ops", **variables) -> HostSite:
    return HostSite(tmp_path, cluster, login, **variables)


def vaulted(folder: Path, label: str, name: str, value: str) -> str:
    """Encrypt a variable under a vault id as authors do."""
    (folder / f"{label}.pass").write_text(f"open {label}")
    command = [Path(sys.executable).parent / "ansible-vault", "encrypt_string", "--encrypt-vault-id", label]
    command += ["--vault-id", f"{label}@{folder}/{label}.pass", value, "--name", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# every way in which a task can start something, each with a number of its own
WAYS = {
    "command": {"ansible.builtin.command": "sleep 4101"},
    "shell in the background": {"ansible.builtin.shell": "sleep 4102 & sleep 4102"},
    "async": {"ansible.builtin.command": "sleep 4103", "async": 600, "poll": 0},
    "raw": {"ansible.builtin.raw": "sleep 4104"},
    # in words that every shell reads alike, as raw has no other shell than the login's
    "raw, detached": {"ansible.builtin.raw": "sh -c 'setsid sleep 4105 >/dev/null 2>&1 &'"},
    "script": {"ansible.builtin.script": "hang.sh"},
    "sudo by hand": {"ansible.builtin.shell": "sudo -n sleep 4107 || sleep 4107"},
    "another user": {"ansible.builtin.command": "sleep 4108", "become": True, "become_user": "nobody"},
}


def hang_in_all_ways(site: HostSite, ways=tuple(WAYS), **play):
    """Start what a task can start in these ways, and let the step run out of time."""
    site.write("playbooks/mend/hang.sh", "#!/bin/sh\nsleep 4106\n")
    site.playbook([{"name": way, **WAYS[way]} for way in ways], **play)
    return site.run(timeout=timedelta(seconds=12))


def once_it_lives(site: HostSite, command: str, host: str, *act: str) -> None:
    """Run something on a host beside the step, as soon as what the step starts there lives."""

    def wait_and_act():
        wait_until(lambda: site.lives(command, host), 30)
        site.cluster.hosts[host].run(*act)

    threading.Thread(target=wait_and_act).start()


@pytest.mark.parametrize("become", [pytest.param(False, marks=SLOW), True])
def test_a_cut_short_step_leaves_nothing_with_and_without_become(tmp_path, cluster, become):
    site = site_of(tmp_path, cluster)
    ended = hang_in_all_ways(site, ["async", "raw, detached", "script"], become=become)
    assert (ended.state, ended.reason) == (RunState.TIMED_OUT, Reason.STEP_TIMED_OUT), ended.detail
    assert not site.lives("sleep 41")


@SLOW
@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_under_any_login_and_shell(tmp_path, cluster, login, way):
    site = site_of(tmp_path, cluster, login, ansible_become_password=PASSWORD)
    ways = [way, "command"] if way in ("async", "raw, detached") else [way]
    ended = hang_in_all_ways(site, ways)
    if login == "plain" and way == "another user":
        assert ended.state is RunState.FAILED
    else:
        assert (ended.state, ended.reason) == (RunState.TIMED_OUT, Reason.STEP_TIMED_OUT), ended.detail
    assert not site.lives("sleep 41")


@SLOW
@pytest.mark.parametrize("login", LOGINS)
def test_commands_mean_the_same_under_every_shell(tmp_path, cluster, login):
    site = site_of(tmp_path, cluster, login)
    as_written = {"argv": ["printf", "%s", "{{ odd }}"], "expand_argument_vars": False}
    odd = r"""a\b 'c' "d" $HOME `e` %s !x ; é"""
    ended = site.play(
        {"name": "R", "ansible.builtin.raw": "echo it\\'s 'a b' $HOME", "register": "raw"},
        {"name": "S", "ansible.builtin.command": as_written, "register": "argv"},
        {"name": "B", "ansible.builtin.raw": "echo $0", "args": {"executable": "/bin/bash"}, "register": "b"},
        {
            "name": "A",
            "ansible.builtin.assert": {
                "that": [
                    f'raw.stdout | trim == "it\'s a b /home/{login}"',
                    "argv.stdout == odd",
                    "'bash' in b.stdout",
                ]
            },
        },
        vars={"odd": odd},
    )
    assert ended.state is RunState.SUCCEEDED, ended.output


@SLOW
def test_what_cannot_be_looked_at_is_not_known_and_for_people(tmp_path, cluster):
    """A login without sudo after a step that became root by another way: nobody can say what is left."""
    site = site_of(tmp_path, cluster, "plain")
    host = cluster.hosts["web1"]
    tasks = [{"name": "Hang", "ansible.builtin.command": "sleep 4109"}]
    site.playbook(tasks)

    once_it_lives(site, "sleep 4109", "web1", "sh", "-c", "setsid sleep 4110 >/dev/null 2>&1 &")
    ended = site.run(timeout=timedelta(seconds=12))
    host.run("pkill", "-f", "sleep 4110")
    assert (ended.state, ended.reason) == (RunState.TIMED_OUT, Reason.LEFTOVERS_UNKNOWN)
    assert "sleep" in ended.detail
    assert not site.lives("sleep 4109")


@SLOW
@pytest.mark.parametrize(
    "way",
    [
        "sudo -n sh -c 'setsid sleep 4112 {} &'",
        "(env -i setsid sleep 4112 {} &)",
        "sudo systemd-run sleep 4112",
    ],
)
def test_what_lost_its_mark_is_for_people(tmp_path, cluster, way):
    """It cannot be told from what somebody else began just then, so it is not ended, and not passed over."""
    site = site_of(tmp_path, cluster)
    shell = f"{way.format('>/dev/null 2>&1 </dev/null')}\nsleep 4113"
    site.playbook([{"name": "Hang", "ansible.builtin.shell": shell}])
    ended = site.run(timeout=timedelta(seconds=12))
    cluster.hosts["web1"].run("pkill", "-f", "sleep 4112")
    assert (ended.state, ended.reason) == (RunState.TIMED_OUT, Reason.LEFTOVERS_UNKNOWN), ended.detail
    assert "may be of it" in ended.detail
    assert "sleep" in ended.detail
    assert not site.lives("sleep 4113")


@SLOW
def test_a_connection_that_breaks_off_in_the_middle_is_looked_after(tmp_path, cluster):
    """The command goes on there: a host that comes back is rid of it, before anything is tried again."""
    site = site_of(tmp_path, cluster)
    site.playbook([{"name": "Hang", "ansible.builtin.command": "sleep 4114"}])
    once_it_lives(site, "sleep 4114", "lb", "pkill", "-u", "ops", "sshd")
    ended = site.run("lb", timeout=timedelta(seconds=60))
    assert (ended.state, ended.reason) == (RunState.FAILED, Reason.HOST_UNREACHABLE), ended.detail
    assert not site.lives("sleep 4114", "lb")


@SLOW
def test_a_host_that_goes_away_in_the_middle_is_not_known(tmp_path, cluster):
    site = site_of(tmp_path, cluster)
    host = cluster.hosts["lb"]
    site.playbook([{"name": "Hang", "ansible.builtin.command": "sleep 4111"}])
    once_it_lives(site, "sleep 4111", "lb", "ip", "link", "set", "eth0", "down")
    try:
        ended = site.run("lb", timeout=timedelta(seconds=12))
    finally:
        host.run("ip", "link", "set", "eth0", "up")
    assert (ended.state, ended.reason) == (RunState.TIMED_OUT, Reason.LEFTOVERS_UNKNOWN)
    assert "could not be looked at" in ended.detail


@SLOW
def test_a_password_for_sudo_from_one_vault_and_a_secret_from_another(tmp_path, cluster):
    site = site_of(tmp_path, cluster, "asked")
    password = vaulted(tmp_path, "dev", "ansible_become_password", PASSWORD)
    site.write("inventory/group_vars/all/dev.yml", password)
    site.write("inventory/host_vars/web1.yml", vaulted(tmp_path, "prod", "key_of_db", "prod-8821"))
    site.config.write_text("[defaults]\nvault_identity_list = dev@dev.pass, prod@prod.pass\n")
    ended = site.play(
        {"name": "Who", "ansible.builtin.command": "whoami", "register": "who", "become": True},
        {"name": "Say", "ansible.builtin.debug": {"msg": "{{ who.stdout }} has {{ key_of_db }}"}},
    )
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert "root has [secret]" in ended.output


@SLOW
def test_a_jump_host_of_the_operators_ansible_cfg(tmp_path, cluster):
    """Only through the jump host does the name lead anywhere, and it is part of which machine is meant."""
    site = site_of(tmp_path, cluster)
    config = cluster.ssh_config.read_text().replace("Host web1\n", "Host web1\n  ProxyJump bastion\n")
    site.write("ssh_config", config)
    site.config.write_text(f"[ssh_connection]\nssh_args = -F {tmp_path}/ssh_config\n")
    variables = {"ansible_user": "ops", "ansible_python_interpreter": "/usr/bin/python3"}
    site.write("inventory/hosts.yml", {"all": {"hosts": {"web1": {}}, "vars": variables}})
    ended = site.play(
        {"name": "From", "ansible.builtin.raw": "echo from $SSH_CLIENT", "register": "r"},
        {"name": "Say", "ansible.builtin.debug": {"var": "r.stdout"}},
    )
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert f"from {cluster.hosts['bastion'].address}" in ended.output
    assert site.inventory.hosts()["web1"].identity.endswith("through bastion")


@SLOW
@pytest.mark.parametrize(
    "variable",
    [
        {"ansible_control_path": "/tmp/socket-of-lb"},
        {"ansible_control_path_dir": "/tmp"},
        {"ansible_ssh_extra_args": "-o HostName=lb"},
        {"ansible_ssh_common_args": "-o ProxyCommand='touch /tmp/by-proxy'"},
        {"ansible_ssh_executable": "/tmp/ssh"},
        {"ansible_port": "2222"},
    ],
)
def test_no_variable_of_a_play_leads_ssh_elsewhere(tmp_path, cluster, variable):
    """Also where the path is too long for control sockets: each task then connects anew, and that works."""
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    site = site_of(folder, cluster)
    ended = site.play(
        {"name": "Plain", "ansible.builtin.command": "true"},
        {"name": "Led", "ansible.builtin.command": "true", "vars": variable, "ignore_unreachable": True},
    )
    assert "ok=1" in ended.output or "changed=1" in ended.output, ended.output
    assert "opsmend refuses to touch web1" in ended.output


@SLOW
def test_a_host_without_its_key_is_not_touched_whatever_a_variable_says(tmp_path, cluster):
    site = site_of(tmp_path, cluster, ansible_host_key_checking=False)
    config = cluster.ssh_config.read_text()
    known = next(line.split()[1] for line in config.splitlines() if "UserKnownHostsFile" in line)
    site.write("known_hosts", "")
    site.write("ssh_config", config.replace(known, str(tmp_path / "known_hosts")))
    hosts = yaml.safe_load((tmp_path / "inventory" / "hosts.yml").read_text())
    hosts["all"]["vars"]["ansible_ssh_common_args"] = f"-F {tmp_path}/ssh_config"
    site.write("inventory/hosts.yml", hosts)
    ended = site.play({"name": "Go", "ansible.builtin.command": "touch /tmp/without-key"})
    assert (ended.state, ended.reason) == (RunState.FAILED, Reason.HOST_UNREACHABLE), ended.output
    assert not cluster.hosts["web1"].succeeds("test", "-e", "/tmp/without-key")


@SLOW
def test_a_collection_in_the_operators_path_runs_as_it_was_approved(tmp_path, cluster):
    site = site_of(tmp_path, cluster)
    module = (
        "#!/usr/bin/python\nfrom ansible.module_utils.basic import AnsibleModule\n"
        "AnsibleModule(argument_spec={}).exit_json(changed=False, said='approved')\n"
    )
    place = "colls/ansible_collections/acme/tools"
    site.write(f"{place}/galaxy.yml", {"namespace": "acme", "name": "tools", "version": "1.0.0"})
    file = site.write(f"{place}/plugins/modules/speak.py", module)
    site.config.write_text("[defaults]\ncollections_path = colls\n")
    site.playbook(
        [
            {"name": "Speak", "acme.tools.speak": {}, "register": "r"},
            {"name": "Say", "ansible.builtin.debug": {"var": "r.said"}},
        ]
    )
    made = site.execution()
    file.write_text(module.replace("approved", "something else"))
    ended = site.runner.run(made, lambda event: None, lambda: False)
    assert "approved" in ended.output, ended.output
    assert site.snapshots.digest_of(tmp_path / "playbooks" / "mend") != made.snapshot.digest


@SLOW
def test_a_balancer_is_rendered_from_groups_that_the_run_does_not_touch(tmp_path, cluster):
    site = site_of(tmp_path, cluster)
    groups = {"web": {"hosts": {"web1": {}, "web9": {"ansible_host": "192.0.2.9"}}}}
    content = yaml.safe_load((tmp_path / "inventory" / "hosts.yml").read_text())["all"]
    site.write("inventory/hosts.yml", {"all": {**content, "children": groups}})
    pool = "{% for h in groups['web'] %}{{ hostvars[h].ansible_host | default(h) }} {% endfor %}"
    site.write("playbooks/mend/templates/pool.j2", pool)
    template = {"src": "pool.j2", "dest": "/tmp/pool", "mode": "0644"}
    site.playbook(
        [
            {"name": "Render", "ansible.builtin.template": template},
            {"name": "Reload", "ansible.builtin.command": "true", "delegate_to": "lb"},
        ],
        hosts="web",
    )
    refused = site.run("web1")
    assert refused.reason is Reason.PLAY_REFUSED
    ended = site.run("web1", companions=["lb"])
    assert ended.state is RunState.SUCCEEDED, ended.output
    assert cluster.hosts["web1"].run("cat", "/tmp/pool") == "web1 192.0.2.9 "


@SLOW
@pytest.mark.parametrize(("login", "whole"), [("ops", True), ("plain", False)])
def test_a_host_is_asked_with_become_and_says_what_it_could_not_see(tmp_path, cluster, login, whole):
    site = site_of(tmp_path, cluster, login)
    asked = questions("ssh.service", ["/etc/shadow"])
    client = HostQuestions(folder=tmp_path / "run", config=site.configs.current())
    commands = {"web1": [one.command for one in asked]}
    said = client.ask(site.inventory.read(), commands, timedelta(seconds=5), "probe-1")["web1"]
    assert said.error == ""
    answers = {}
    for question, one in zip(asked, said.spoken, strict=True):
        words = Said(
            text=one.text, complaint=one.complaint, code=one.code, seconds=one.seconds, user=said.user
        )
        answers[question.probe] = read_answer("web1", question, words, NOW)
    assert answers["unit"].facts["ActiveState"] == "active"
    assert bool(answers["journal"].partial) is not whole
    assert ("not known" in answers["certificate"].error) is not whole


@SLOW
def test_bytes_of_another_charset_neither_fail_a_run_nor_skip_a_task(tmp_path, cluster, monkeypatch):
    monkeypatch.setitem(os.environb, b"CITY", "Zürich".encode("latin-1"))
    site = site_of(tmp_path, cluster)
    ended = site.play(
        {"name": "Bytes", "ansible.builtin.command": {"argv": ["printf", r"\374\377 ok"]}, "register": "r"},
        {"name": "Überall", "ansible.builtin.debug": {"msg": "{{ r.stdout }} über"}},
        {"name": "Fail", "ansible.builtin.command": {"argv": ["sh", "-c", r"printf '\374' >&2; exit 3"]}},
    )
    assert ended.state is RunState.FAILED
    assert ended.detail.startswith("web1: Fail: ")
    assert [event.task for event in site.events if event.status != "started"] == ["Bytes", "Überall", "Fail"]
    (ended.output + ended.detail).encode()
