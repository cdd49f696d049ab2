"""The environment of Ansible's programs: the operator's settings, two lists of ours, nothing hostile."""

import os
import socket
from pathlib import Path

import pytest

from agent.remediate.ansible_config import AnsibleConfig, find_ansible_config, read_ansible_config
from agent.remediate.environment import DEFAULTS, OVERRIDES, ansible_environment

ENDING = "/0123456789.0123456789abcdef"  # Ansible's hash, then what ssh adds while it connects


@pytest.mark.parametrize("length", range(60, 100))
def test_connections_are_shared_exactly_where_a_socket_can_be(length):
    sockets = Path("/" + "é" * 10 + "x" * (length - 21))
    environment = ansible_environment(sockets=sockets)
    assert len(os.fsencode(environment["ANSIBLE_SSH_CONTROL_PATH_DIR"])) == length
    with socket.socket(socket.AF_UNIX) as one, pytest.raises(OSError, match=r"too long|No such file") as said:
        one.bind(f"{sockets}{ENDING}")
    fits = "too long" not in str(said.value)
    assert ("ControlPersist" in environment["ANSIBLE_SSH_ARGS"]) == fits
    assert "ServerAliveInterval" in environment["ANSIBLE_SSH_ARGS"]


def test_the_operator_decides_all_but_one_list(tmp_path):
    config = AnsibleConfig(file=tmp_path / "ansible.cfg", undecided=frozenset())
    environment = ansible_environment(config, run=True)
    assert environment["ANSIBLE_CONFIG"] == str(tmp_path / "ansible.cfg")
    assert not DEFAULTS.keys() & environment.keys()
    assert {name: environment[name] for name in OVERRIDES} == {
        name: one.value for name, one in OVERRIDES.items()
    }
    assert all(one.reason for one in OVERRIDES.values())


HOSTILE = ["LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "BASH_ENV", "ENV", "NOTIFY_SOCKET", "OPSMEND_API__X"]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_makes_another_program_of_one_is_left_behind(monkeypatch, name):
    monkeypatch.setenv(name, "/tmp/evil")
    monkeypatch.setenv("AWS_PROFILE", "prod")
    environment = ansible_environment()
    assert name not in environment
    assert environment["AWS_PROFILE"] == "prod"


def test_a_variable_in_another_charset_is_left_out(monkeypatch):
    monkeypatch.setitem(os.environb, b"CITY", "Zürich".encode("latin-1"))
    assert "CITY" not in ansible_environment()


def test_the_configuration_is_where_ansible_looks_for_it_but_never_in_the_folder_one_stands_in(
    tmp_path, monkeypatch
):
    stock, local = tmp_path / "stock", tmp_path / "local"
    for folder in (stock, local, tmp_path / "here"):
        folder.mkdir()
        (folder / "ansible.cfg").touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_ansible_config(None, [stock, local], {}) == local / "ansible.cfg"
    assert find_ansible_config(Path("/x.cfg"), [stock], {"ANSIBLE_CONFIG": "/y.cfg"}) == Path("/x.cfg")
    assert find_ansible_config(None, [stock], {"ANSIBLE_CONFIG": "/y.cfg"}) == Path("/y.cfg")
    assert find_ansible_config(None, [tmp_path / "none"], {}) != tmp_path / "here" / "ansible.cfg"


def test_a_talkative_ansible_is_understood_and_writes_no_log_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ANSIBLE_DEBUG", "1")
    monkeypatch.setenv("ANSIBLE_LOG_PATH", str(tmp_path / "log"))
    assert read_ansible_config(None).search
    assert not (tmp_path / "log").exists()
