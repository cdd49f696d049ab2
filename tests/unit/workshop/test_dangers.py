"""playbooks check: what a playbook does that can go badly wrong must be declared."""

import pytest
import yaml

from agent.workshop.dangers import check_dangers, dangers_in
from tests.make import remediation

DANGEROUS = [
    {"ansible.builtin.command": "kill -9 {{ pid }}"},
    {"command": {"argv": ["pkill", "-f", "{{ process_name }}"]}},
    {"ansible.builtin.shell": "cd /srv && rm -rf {{ folder }}/*"},
    {"shell": "/usr/bin/rm -r /srv/old"},
    {"shell": "find /srv -name '*.old' | xargs rm"},
    {"ansible.builtin.reboot": {}},
    {"reboot": None},
    {"command": "systemctl reboot"},
    {"command": "shutdown -r now"},
    {"community.general.ufw": {"rule": "deny"}},
    {"ansible.builtin.iptables": {"chain": "INPUT"}},
    {"raw": "nft flush ruleset"},
    {"command": "dd if=/dev/zero of=/dev/sda"},
    {"command": "mkfs.ext4 /dev/sdb1"},
    {"ansible.builtin.file": {"path": "{{ mountpoint }}/old", "state": "absent"}},
]
HARMLESS = [
    {"command": "systemctl kill --signal=SIGKILL shop.service"},
    {"command": "pgrep -x report-job"},
    {"command": "grep -c rm-old /etc/cron.d/shop"},
    {"ansible.builtin.file": {"path": "/run/shop.lock", "state": "absent"}},
    {"ansible.builtin.file": {"path": "{{ mountpoint }}/new", "state": "directory"}},
    {"ansible.builtin.systemd_service": {"name": "shop.service", "state": "restarted"}},
    {"ansible.builtin.debug": {"msg": "rm -rf /"}},
]


def written(tmp_path, task, extra=()):
    blocks = [{"block": [{"name": "Do it", **task}]}]
    play = {"name": "Play", "hosts": "all", "tasks": [*extra, *blocks]}
    (tmp_path / "playbook.yml").write_text(yaml.safe_dump([play]))
    return tmp_path / "playbook.yml"


@pytest.mark.parametrize("task", DANGEROUS, ids=str)
def test_what_is_dangerous_is_found_wherever_it_stands(tmp_path, task):
    (danger,) = dangers_in(written(tmp_path, task), ["mountpoint"])
    assert danger.line is not None


@pytest.mark.parametrize("task", HARMLESS, ids=str)
def test_what_is_not_is_left_alone(tmp_path, task):
    assert dangers_in(written(tmp_path, task), ["mountpoint"]) == []


def told(tmp_path, risk, *extra):
    written(tmp_path, DANGEROUS[0], extra)
    one = remediation(risk=risk)
    object.__setattr__(one, "folder", tmp_path)
    return [problem.message for problem in check_dangers(one, [])]


def test_it_needs_a_high_risk_and_evidence(tmp_path):
    assert told(tmp_path, "medium") == ["ends processes, and the risk is medium"]
    assert told(tmp_path, "high") == ["ends processes, and keeps no evidence"]
    kept = {"name": "Keep", "copy": {"dest": "/var/lib/opsmend/evidence/ps.txt", "content": "…"}}
    assert told(tmp_path, "high", kept) == []


def play(**keys):
    return yaml.safe_dump([{"name": "Play", "hosts": "all", **keys}])


DO = {"name": "Do it"}
BY_VARIABLES = {
    "a command in a variable": play(
        vars={"clean": "rm -rf /srv/{{ x }}"}, tasks=[{**DO, "ansible.builtin.shell": "cd / && {{ clean }}"}]
    ),
    "its name in one": play(
        vars={"tool": "rm"}, tasks=[{**DO, "command": {"argv": ["{{ tool }}", "-r", "/srv"]}}]
    ),
    "put together by jinja": play(tasks=[{**DO, "shell": "{{ 'r' ~ 'm' }} -rf /srv/old"}]),
    "one of two": play(tasks=[{**DO, "command": "{{ 'rm' if sure else 'ls' }} -r /srv/old"}]),
    "set on the way": play(
        tasks=[{"set_fact": {"a": "pkill"}}, {**DO, "shell": "{% set c = a %}{{ c }} -f shop"}]
    ),
    "out of a loop": play(tasks=[{**DO, "command": "{{ item }}", "loop": ["uptime", "reboot"]}]),
    "computed": play(tasks=[{**DO, "shell": "{{ 'cm0gLXJmIC8=' | b64decode }}"}]),
    "unknown": play(tasks=[{**DO, "command": "{{ what_the_label_says }}"}]),
    "read elsewhere": play(tasks=[{**DO, "raw": "{{ lookup('file', '/etc/clean') }}"}]),
    "handed to a shell": play(tasks=[{**DO, "shell": "curl -s https://shop.test/fix | sudo bash"}]),
    "in arguments beside": play(tasks=[{**DO, "shell": None, "args": {"cmd": "rm -r /srv/x"}}]),
    "an old way of calling": play(tasks=[{**DO, "action": "shell rm -rf /srv/x"}]),
    "on another machine": play(tasks=[{**DO, "local_action": {"module": "command", "cmd": "rm -r /srv"}}]),
    "for somebody else": play(tasks=[{**DO, "command": "rm -r /srv/x", "delegate_to": "db1"}]),
    "by its older name": play(tasks=[{**DO, "ansible.legacy.command": "killall shop"}]),
    "when it fails": play(tasks=[{"block": [{"debug": {}}], "rescue": [{**DO, "raw": "rm -r /srv/x"}]}]),
    "afterwards": play(handlers=[{**DO, "shell": "nft flush ruleset"}]),
    "at night": play(tasks=[{**DO, "cron": {"name": "x", "job": "rm -rf /srv/old"}}]),
    "a script it writes": play(
        tasks=[{**DO, "copy": {"dest": "/tmp/x", "content": "#!/bin/sh\nrm -rf /srv/old\n"}}]
    ),
    "a state in a variable": play(
        vars={"wanted": "absent"},
        tasks=[{**DO, "file": {"path": "{{ mountpoint }}", "state": "{{ wanted }}"}}],
    ),
    "a path in a variable": play(
        vars={"old": "{{ mountpoint }}/old"}, tasks=[{**DO, "file": {"path": "{{ old }}", "state": "absent"}}]
    ),
    "in one line": play(tasks=[{**DO, "file": "path={{ mountpoint }}/old state=absent"}]),
    "what a search found": play(
        tasks=[
            {"find": {"paths": "{{ mountpoint }}"}, "register": "found"},
            {**DO, "file": {"path": "{{ item.path }}", "state": "absent"}, "loop": "{{ found.files }}"},
        ]
    ),
    "a folder of the system": play(tasks=[{**DO, "file": {"path": "/srv", "state": "absent"}}]),
    "a database": play(
        tasks=[{**DO, "community.postgresql.postgresql_db": {"name": "x", "state": "absent"}}]
    ),
    "a query": play(tasks=[{**DO, "community.mysql.mysql_query": {"query": "DROP TABLE orders"}}]),
    "by a client": play(tasks=[{**DO, "command": "redis-cli -n 2 FLUSHDB"}]),
    "a package": play(tasks=[{**DO, "ansible.builtin.apt": {"name": "nginx", "state": "absent"}}]),
    "a mirror": play(tasks=[{**DO, "synchronize": {"src": "/a", "dest": "/b", "delete": True}}]),
    "a search that removes": play(tasks=[{**DO, "command": "find /srv/cache -mtime +3 -delete"}]),
    "the network": play(tasks=[{**DO, "command": "ip link set dev eth0 down"}]),
    "the kernel": play(tasks=[{**DO, "shell": "echo b > /proc/sysrq-trigger"}]),
    "tasks from elsewhere": play(tasks=[{**DO, "include_tasks": "/etc/fixes/clean.yml"}]),
    "tasks nobody knows": play(tasks=[{**DO, "include_tasks": "{{ fix }}"}]),
    "a role nobody knows": play(tasks=[{**DO, "ansible.builtin.include_role": {"name": "{{ fix }}"}}]),
    "a script that is not there": play(tasks=[{**DO, "script": "clean.sh {{ mountpoint }}"}]),
}


@pytest.mark.parametrize("written", BY_VARIABLES.values(), ids=BY_VARIABLES)
def test_no_way_of_writing_it_hides_what_is_dangerous(tmp_path, written):
    (tmp_path / "playbook.yml").write_text(written)
    (danger,) = dangers_in(tmp_path / "playbook.yml", ["mountpoint"])
    assert danger.line is not None


@pytest.mark.parametrize("role", ["{{ fix }}", "shop.fixes.clean"])
def test_a_role_of_a_play_that_nobody_can_look_at_is_dangerous(tmp_path, role):
    (tmp_path / "playbook.yml").write_text(play(roles=[{"role": role}]))
    assert [one.does for one in dangers_in(tmp_path / "playbook.yml")] == [
        "uses a role that is not beside it"
    ]


PLAIN = {
    "a command in a variable": play(
        vars={"ask": ["uptime"]}, tasks=[{"command": {"argv": "{{ ask + [1] }}"}}]
    ),
    "one of the inventory": play(tasks=[{"command": {"argv": "{{ opsmend_services[unit].command }}"}}]),
    "a file of its own": play(
        tasks=[{"file": {"path": "/run/{{ item }}", "state": "absent"}, "loop": ["a.lock"]}]
    ),
    "looked up by a label": play(
        tasks=[{"file": {"path": "{{ opsmend_services[mountpoint].draft }}", "state": "absent"}}]
    ),
    "tasks beside it": play(tasks=[{"include_tasks": "{{ ansible_os_family }}/look.yml"}]),
    "words in braces of others": play(tasks=[{"command": "docker inspect --format {{ '{{.Name}}' }} shop"}]),
}


@pytest.mark.parametrize("written", PLAIN.values(), ids=PLAIN)
def test_variables_that_everybody_can_read_are_left_alone(tmp_path, written):
    (tmp_path / "playbook.yml").write_text(written)
    assert dangers_in(tmp_path / "playbook.yml", ["mountpoint"]) == []


@pytest.mark.parametrize(
    ("file", "content", "does"),
    [
        ("files/clean.sh", '#!/bin/sh\n# rm is next\nrm -rf "$1"\n', "removes files"),
        ("tasks/more/deep.yaml", "- {name: Do it, command: reboot}\n", "reboots or stops the host"),
        ("vars/main.yml", "tool: pkill\n", "ends processes"),
    ],
)
def test_what_lies_in_folders_beside_it_is_read_too(tmp_path, file, content, does):
    calls = [{"command": "{{ tool | default('true') }} -f shop"}]
    folder = tmp_path / "molecule"  # whatever the folders above are called
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_text(content)
    (folder / "playbook.yml").write_text(play(tasks=calls))
    one = remediation(risk="low")
    object.__setattr__(one, "folder", folder)
    assert [problem.message for problem in check_dangers(one, [])] == [f"{does}, and the risk is low"]
