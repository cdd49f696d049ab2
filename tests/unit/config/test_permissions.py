"""Who could write what decides what runs as root."""

import os

import pytest

from agent.config.permissions import check_permissions

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "playbooks"
    (made / "fix").mkdir(parents=True)
    (made / "fix" / "playbook.yml").write_text("")
    made.chmod(0o755)
    (made / "fix").chmod(0o755)
    (made / "fix" / "playbook.yml").chmod(0o644)
    return made


def said(folder):
    return [(problem.file.name, problem.message) for problem in check_permissions([folder])]


def test_ordinary_files_of_root_are_fine(folder):
    assert said(folder) == []


@pytest.mark.parametrize("name", [".", "fix", "fix/playbook.yml"])
def test_what_everybody_can_write_is_refused(folder, name):
    path = folder / name
    path.chmod(path.stat().st_mode | 0o002)
    assert [message for _, message in said(folder)] == ["can be written by everybody"]


def test_what_a_foreign_group_can_write_is_refused(folder):
    path = folder / "fix" / "playbook.yml"
    path.chmod(0o664)
    assert said(folder) == []  # root's own group
    os.chown(path, 0, 65534)
    assert said(folder) == [("playbook.yml", "can be written by its group")]


def test_what_belongs_to_a_stranger_is_refused(folder):
    os.chown(folder / "fix", 65534, 65534)
    assert "belongs to user nobody" in said(folder)[0][1]


def test_the_user_behind_sudo_is_trusted(folder, monkeypatch):
    os.chown(folder / "fix", 65534, 65534)
    monkeypatch.setenv("SUDO_UID", "65534")
    assert said(folder) == []
