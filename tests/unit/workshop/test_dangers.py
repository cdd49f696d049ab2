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
