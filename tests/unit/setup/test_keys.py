"""The agent's key, and the host keys that it knows: made once, owned by it, never replaced."""

import os
import pwd
import stat
import subprocess

import pytest

from agent.setup.keys import SshFolder, files_of_people, known_to, scan
from tests.make import host


@pytest.fixture
def folder(tmp_path):
    me = pwd.getpwuid(os.geteuid())
    return SshFolder(pwd.struct_passwd((*me[:5], str(tmp_path), me.pw_shell)))


@pytest.fixture
def line(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "host"], check=True)
    return " ".join((tmp_path / "host.pub").read_text().split()[:2])


def test_a_key_is_made_once_and_only_its_owner_reads_it(folder):
    first = folder.make_key()
    assert first.startswith("ssh-ed25519 ")
    assert folder.make_key() == first
    assert stat.S_IMODE((folder.path / "id_ed25519").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


@pytest.mark.parametrize("port", [22, 2222])
def test_keys_that_people_know_are_taken_over_also_from_hashed_files(folder, tmp_path, line, port):
    theirs = tmp_path / "known_hosts"
    name = "web1" if port == 22 else f"[web1]:{port}"
    theirs.write_text(f"{name} {line}\nother {line}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", theirs], check=True, capture_output=True)
    web1 = host("web1", ansible_port=port)
    keys = known_to([tmp_path / "nowhere", theirs], [web1, host("web9")])
    assert [key.host for key in keys] == [name]
    assert keys[0].fingerprint.startswith("SHA256:")
    assert folder.unknown([web1]) == [web1]
    folder.note(keys)
    assert folder.unknown([web1]) == []


def test_who_does_not_answer_shows_no_key():
    assert scan([host("web1", ansible_host="127.0.0.1", ansible_port=1)]) == []


def test_the_files_of_who_is_behind_sudo_come_first():
    assert str(files_of_people({"SUDO_USER": "root"})[0]).startswith(pwd.getpwnam("root").pw_dir)
    assert files_of_people({"SUDO_USER": "nobody-of-that-name"})
