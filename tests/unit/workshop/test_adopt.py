"""playbooks adopt: a remediation around a playbook that a site has already."""

import pytest

from agent.config import load_rules
from agent.decide.catalog import load_remediation
from agent.errors import ConfigError, ConflictError, OpsmendError
from agent.workshop.adopt import Adoption, adopt

PLAYBOOK = """
- name: Trim the journal
  hosts: all
  vars:
    keep_days: 7
    greeting: hello
  tasks:
    - name: Look
      ansible.builtin.command: df {{ mountpoint }}
      register: seen
    - name: Trim
      ansible.builtin.command: journalctl --vacuum-time={{ keep_days }}d --root={{ chroot | default('/') }}
      when: seen.rc == 0 and ansible_system == 'Linux'
    - name: Say
      ansible.builtin.debug:
        msg: "{{ greeting }} {{ item }}"
      loop: [a, b]
"""


@pytest.fixture(scope="module")
def book(root):
    return load_rules([root / "rules"])


@pytest.fixture
def playbook(tmp_path):
    file = tmp_path / "trim.yml"
    file.write_text(PLAYBOOK)
    return file


def test_its_variables_become_parameters_and_the_whole_loads(playbook, book, tmp_path):
    wanted = Adoption(name="trim_journal", fault="disk_full", given={"chroot": "/"})
    files, notes = adopt(playbook, wanted, book, tmp_path / "playbooks")
    made = load_remediation(tmp_path / "playbooks" / "trim_journal", book.faults)
    parameters = made.file.parameters
    assert set(parameters) == {"mountpoint", "keep_days", "greeting", "chroot"}
    assert parameters["mountpoint"].from_ == "mountpoint"
    assert (parameters["keep_days"].type, parameters["keep_days"].default) == ("integer", 7)
    assert made.file.risk == "medium"
    assert (tmp_path / "playbooks" / "trim_journal" / "playbook.yml").read_text() == PLAYBOOK
    assert len(files) == 7
    assert notes


def test_what_nothing_gives_is_asked_for(playbook, book, tmp_path):
    with pytest.raises(ConfigError, match="nothing gives the variable 'chroot'"):
        adopt(playbook, Adoption(name="trim", fault="disk_full"), book, tmp_path / "playbooks")
    assert not (tmp_path / "playbooks").exists()


def test_what_is_dangerous_is_of_high_risk(book, tmp_path):
    file = tmp_path / "stop.yml"
    file.write_text("- hosts: all\n  tasks:\n    - name: Stop\n      command: pkill -f {{ groupname }}\n")
    _, notes = adopt(file, Adoption(name="stop", fault="runaway_process"), book, tmp_path / "playbooks")
    assert load_remediation(tmp_path / "playbooks" / "stop", book.faults).file.risk == "high"
    assert any("ends processes" in note for note in notes)


def test_bad_names_unknown_faults_and_what_exists_are_refused(playbook, book, tmp_path):
    for name, fault in (("../evil", "disk_full"), ("trim", "no_such_fault")):
        with pytest.raises(OpsmendError):
            adopt(playbook, Adoption(name=name, fault=fault, given={"chroot": "/"}), book, tmp_path / "p")
    (tmp_path / "p" / "trim").mkdir(parents=True)
    with pytest.raises(ConflictError):
        adopt(playbook, Adoption(name="trim", fault="disk_full", given={"chroot": "/"}), book, tmp_path / "p")
