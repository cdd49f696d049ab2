"""What a run would refuse is found in the files, with file, line and key, before anything runs."""

from pathlib import Path

import pytest
import yaml

from agent.config.playbookfile import check_playbooks
from agent.errors import ConfigError

OUTSIDE = "is no part of what a run works on"


def check(folder: Path, *plays, companions=()):
    """Check a playbook of the remediation ``mend``; its plays are for the target unless they say other."""
    file = folder / "mend" / "playbook.yml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump([{"hosts": "all", **play} for play in plays], sort_keys=False))
    return list(check_playbooks([file], folder, [folder / "roles"], frozenset(companions)))


def tasks(*of_it):
    return {"tasks": list(of_it)}


@pytest.mark.parametrize(
    ("play", "key", "words"),
    [
        ({"hosts": "localhost"}, "hosts", "own machine"),
        ({"hosts": ["all", "127.0.0.1"]}, "hosts", "own machine"),
        ({"hosts": "web:localhost"}, "hosts", "own machine"),
        ({"connection": "local"}, "connection", "own machine"),
        ({"vars": {"ansible_connection": "ansible.builtin.local"}}, "connection", "own machine"),
        (tasks({"ping": None, "connection": "local"}), "connection", "own machine"),
        (tasks({"ping": None, "delegate_to": "localhost"}), "delegate_to", "for localhost"),
        (tasks({"ping": None, "delegate_to": "lb"}), "delegate_to", "for lb"),
        (tasks({"block": [{"ping": None, "delegate_to": "lb"}]}), "delegate_to", "for lb"),
        ({"handlers": [{"ping": None, "delegate_to": "lb"}]}, "delegate_to", "for lb"),
        (tasks({"local_action": "ansible.builtin.ping"}), "local_action", "own machine"),
        (tasks({"debug": {"msg": "{{ lookup('pipe', 'id') }}"}}), "debug", "own machine"),
        (tasks({"debug": {"msg": ["{{ q(\"ansible.builtin.lines\", 'id') }}"]}}), "debug", "own machine"),
        ({"vars": {"x": {"y": "{{ query('password', '/x') }}"}}}, "vars", "own machine"),
        (tasks({"debug": {"var": "item"}, "with_pipe": ["id"]}), "with_pipe", "own machine"),
        (tasks({"ansible.builtin.fetch": {"src": "/x", "dest": "/y"}}), "fetch", "own machine"),
        ({"vars_prompt": [{"name": "x"}]}, "vars_prompt", "asks a person"),
        ({"strategy": "ansible.builtin.debug"}, "strategy", "waits for a person"),
        ({"debugger": "on_failed"}, "debugger", "waits for a person"),
        (tasks({"ansible.builtin.pause": {"prompt": "Sure?"}}), "pause", "waits for a person"),
        (tasks({"command": "systemd-run sleep 9"}), "command", "hands work to systemd-run"),
        (tasks({"command": {"argv": ["/usr/bin/systemd-run", "--user", "x"]}}), "command", "systemd-run"),
        (tasks({"shell": "cd /x && sudo -n systemd-run --unit=a b"}), "shell", "systemd-run"),
        (tasks({"shell": {"cmd": "echo reboot | at now + 5 minutes"}}), "shell", "hands work to at"),
        (tasks({"raw": "echo x | batch"}), "raw", "hands work to batch"),
        (tasks({"command": None, "args": {"cmd": "at -f job 23:00"}}), "command", "hands work to at"),
        (tasks({"command": "timeout 5 systemd-run x"}), "command", "systemd-run"),
        (tasks({"command": {"argv": ["sudo", "-u", "x", "systemd-run", "y"]}}), "command", "systemd-run"),
        (tasks({"command": {"argv": ["bash", "-lc", "systemd-run y"]}}), "command", "systemd-run"),
        (tasks({"shell": "su - x -c 'systemd-run y'"}), "shell", "systemd-run"),
        (tasks({"shell": "nsenter -t 1 -m -- systemd-run y"}), "shell", "systemd-run"),
        (tasks({"shell": "systemd-run y # not --scope"}), "shell", "systemd-run"),
        (tasks({"shell": "if ! 'systemd-run' y; then x; fi"}), "shell", "systemd-run"),
        (tasks({"shell": 'sh -c "at tomorrow < job"'}), "shell", "hands work to at"),
        (tasks({"shell": "flock /run/x batch < job"}), "shell", "hands work to batch"),
        (tasks({"command": "docker run --rm -d nginx"}), "command", "hands work to docker"),
        (tasks({"shell": "podman container exec -u 0 -itd web sh"}), "shell", "hands work to podman"),
        (tasks({"shell": "docker exec --detach web reindex"}), "shell", "hands work to docker"),
        (tasks({"shell": "sudo tmux new-session -d reindex"}), "shell", "hands work to tmux"),
        (tasks({"command": "screen -dmS x reindex"}), "command", "hands work to screen"),
        (
            tasks({"ansible.posix.at": {"command": "x", "count": 1, "units": "hours"}}),
            "ansible.posix.at",
            "at",
        ),
        (tasks({"ansible.builtin.include_tasks": "/opt/mend.yml"}), "file", OUTSIDE),
        (tasks({"import_tasks": {"file": "~/mend.yml"}}), "file", OUTSIDE),
        (tasks({"script": "/usr/local/bin/mend --now"}), "file", OUTSIDE),
        (tasks({"template": {"src": "/opt/x.j2", "dest": "/etc/x"}}), "file", OUTSIDE),
        ({"vars_files": ["/etc/mend.yml"]}, "file", OUTSIDE),
    ],
)
def test_what_is_for_others_or_from_elsewhere_is_refused_where_it_stands(tmp_path, play, key, words):
    (problem,) = check(tmp_path, play)
    assert (problem.key, problem.file) == (key, tmp_path / "mend" / "playbook.yml")
    assert words in problem.message
    assert problem.line
    assert problem.hint


def test_a_file_from_beside_the_playbooks_is_refused(tmp_path):
    root = tmp_path / "playbooks"
    root.mkdir()
    (tmp_path / "shared.yml").write_text("[]")
    (problem,) = check(root, tasks({"include_tasks": "../../shared.yml"}))
    assert "is outside of" in problem.message


def test_what_is_declared_and_what_is_within_may_be(tmp_path):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "shared.yml").write_text("- {ping: , delegate_to: lb}")
    play = tasks(
        {"include_tasks": "../tasks/shared.yml"},
        {"ping": None, "delegate_to": "{{ inventory_hostname }}"},
        {"pause": {"seconds": 1}},
        {"shell": "systemd-run --scope x; echo look at 5 things in batch; cat at batch"},
        {"command": "/opt/at-home/run systemd-run.log"},
        {"shell": "docker exec -i web df -d 1; docker run --rm x -d; tmux ls; screen -ls; echo tmux new"},
        {"ping": None, "delegate_to": "localhost"},
    )
    assert check(tmp_path, play, companions=["lb", "localhost"]) == []


@pytest.mark.parametrize("action", ["roles", "import_role", "dependency"])
def test_roles_are_looked_at_wherever_they_are_named(tmp_path, action):
    for role, what in (("outer", "ping"), ("inner", "ping")):
        (tmp_path / "roles" / role / "tasks").mkdir(parents=True)
        (tmp_path / "roles" / role / "tasks" / "main.yml").write_text(f"- {what}:\n")
    deep = tmp_path / "roles" / "inner" / "tasks" / "deep.yaml"
    deep.write_text("- name: x\n  block:\n    - ping:\n      delegate_to: db\n")
    meta = tmp_path / "roles" / "outer" / "meta" / "main.yml"
    meta.parent.mkdir()
    meta.write_text("dependencies: [{role: inner}]")
    play = {
        "roles": {"roles": ["inner"]},
        "import_role": tasks({"ansible.builtin.import_role": {"name": "inner"}}),
        "dependency": {"roles": [{"role": "outer"}]},
    }[action]
    (problem,) = check(tmp_path, play)
    assert (problem.file, problem.line) == (deep, 4)


def test_a_vaulted_value_and_ansibles_own_tags_are_no_trouble(tmp_path):
    file = tmp_path / "playbook.yml"
    file.write_text("- hosts: all\n  vars: {a: !vault x, b: !unsafe '{{ x }}'}\n  tasks: [{ping: }]\n")
    assert list(check_playbooks([file], tmp_path, [], frozenset())) == []


def test_what_is_no_yaml_is_told(tmp_path):
    file = tmp_path / "playbook.yml"
    file.write_text("- hosts: [all\n")
    with pytest.raises(ConfigError, match="valid YAML"):
        list(check_playbooks([file], tmp_path, [], frozenset()))
