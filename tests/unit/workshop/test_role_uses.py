"""Which roles playbooks use, and which remediations a change of a role concerns."""

import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest

from agent.errors import ConfigError, OpsmendError
from agent.workshop.molecule import changed_since, rotating_sample
from agent.workshop.places import Places
from agent.workshop.roles import needed_roles, role_uses

PLAYBOOK = """\
- hosts: all
  vars: {a: 1}
  roles:
    - first
    - {role: second, b: 2, vars: {c: 3}}
  tasks:
    - block:
        - ansible.builtin.include_role: {name: third, tasks_from: undo}
          vars: {d: !vault x}
    - ansible.builtin.include_role: {name: "{{ unknown }}"}
    - ansible.builtin.import_role: {name: some.collection.role}
"""


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_roles_are_found_wherever_a_playbook_uses_them(tmp_path):
    uses = role_uses(write(tmp_path, "p.yml", PLAYBOOK))
    assert [(use.role, use.entry, sorted(use.given)) for use in uses] == [
        ("first", "main", ["a"]),
        ("second", "main", ["a", "b", "c"]),
        ("third", "undo", ["a", "d"]),
    ]


@pytest.mark.parametrize("text", ["a: 1\n", "- hosts: [\n", "just words"])
def test_what_is_no_playbook_is_a_problem_and_not_a_crash(tmp_path, text):
    with pytest.raises(ConfigError):
        role_uses(write(tmp_path, "p.yml", text))


def test_a_role_needs_those_that_it_depends_on_and_includes(root):
    assert needed_roles(["memory", "config_file"], [root / "playbooks" / "roles"]) == {
        "memory",
        "proc",
        "protected",
        "config_file",
        "service",
        "evidence",
    }


@pytest.fixture
def checkout(root, tmp_path):
    """A small git checkout with two remediations and their roles, and how to ask what changed."""
    for name in ("a", "b"):
        write(tmp_path, f"playbooks/{name}/playbook.yml", f"- hosts: all\n  roles: [{name}_role]\n")
        write(tmp_path, f"playbooks/roles/{name}_role/tasks/main.yml", "[]\n")
    options = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run(["git", *options, *words], cwd=tmp_path, check=True)
    places = Places(rules=[], playbooks=[tmp_path / "playbooks"])
    folders = [tmp_path / "playbooks" / name for name in ("a", "b")]
    return tmp_path, lambda: changed_since("HEAD", folders, places)


@pytest.mark.parametrize(
    "file",
    ["playbooks/a/playbook.yml", "playbooks/a/molecule/new.yml", "playbooks/roles/a_role/tasks/main.yml"],
)
def test_a_change_concerns_those_whose_files_or_roles_it_touches(checkout, file):
    folder, changed = checkout
    assert changed() == []
    write(folder, file, "- hosts: all\n  roles: [a_role] # changed\n")
    assert changed() == ["a"]


def test_a_commit_that_is_not_there_is_named(tmp_path, root):
    places = Places(rules=[], playbooks=[root / "playbooks"])
    with pytest.raises(OpsmendError, match="no-such-commit"):
        changed_since("no-such-commit", [], places)


def test_in_a_while_everything_has_its_turn_in_the_sample():
    names = [f"n{number}" for number in range(19)]
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(19)]
    samples = [rotating_sample(names, 2, day) for day in days]
    assert all(len(set(sample)) == 2 for sample in samples)
    assert {name for sample in samples for name in sample} == set(names)
    assert rotating_sample([], 2, days[0]) == []
