"""Who could write what decides what runs as root."""

import os
import struct

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


def test_a_folder_above_that_others_can_write_is_refused(folder):
    above = folder.parent
    above.chmod(0o777)
    assert said(folder) == [(above.name, "can be written by everybody")]
    above.chmod(0o1777)  # as /tmp: nobody can move what is root's
    assert said(folder) == []
    os.chown(folder, 65534, 65534)
    assert "belongs to user nobody" in said(folder)[0][1]


@pytest.mark.parametrize("kind", ["file", "folder", "relative", "chain"])
def test_links_are_followed_to_their_ends_and_the_way_there_counts(folder, tmp_path, kind):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "deep" / "tasks.yml").write_text("")
    target = elsewhere / "deep" / ("tasks.yml" if kind in ("file", "chain") else "")
    link = folder / "fix" / "link"
    if kind == "relative":
        target = "../../elsewhere/deep"
    if kind == "chain":
        (tmp_path / "between").symlink_to(target)
        target = tmp_path / "between"
    link.symlink_to(target)
    assert said(folder) == []
    (elsewhere / "deep" / "tasks.yml").chmod(0o666)
    assert said(folder) == [("tasks.yml", "can be written by everybody")]
    (elsewhere / "deep" / "tasks.yml").chmod(0o644)
    os.chown(elsewhere, 65534, 65534)
    assert "belongs to user nobody" in said(folder)[0][1]


def test_links_in_a_circle_and_to_nowhere_end(folder):
    (folder / "fix" / "up").symlink_to(folder)
    (folder / "fix" / "self").symlink_to("self")
    (folder / "fix" / "nowhere").symlink_to("/nowhere/at/all")
    assert [name for name, _ in said(folder)] == ["self"]


def test_a_group_is_its_owners_only_when_nobody_else_is_in_it(folder, monkeypatch):
    path = folder / "fix" / "playbook.yml"
    path.chmod(0o664)
    os.chown(path, 65534, 65534)
    monkeypatch.setenv("SUDO_UID", "65534")
    # the primary group of nobody is nogroup, which others share
    assert said(folder) == [("playbook.yml", "can be written by its group")]


def test_an_access_list_that_lets_others_write_is_refused(folder):
    path = folder / "fix" / "playbook.yml"
    user = struct.pack(
        "<HHI", 0x02, 6, 65534
    )  # acl(5), as the kernel keeps it: version 2, tag, permission, id
    none = 0xFFFFFFFF
    others = [struct.pack("<HHI", tag, bits, none) for tag, bits in ((0x04, 4), (0x10, 6), (0x20, 4))]
    value = struct.pack("<I", 2) + struct.pack("<HHI", 0x01, 6, none) + user + b"".join(others)
    try:
        os.setxattr(path, "system.posix_acl_access", value)
    except OSError:
        pytest.skip("this file system has no access lists")
    assert said(folder) == [("playbook.yml", "can be written by whom its access list names")]
