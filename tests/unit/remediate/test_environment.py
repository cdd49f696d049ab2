"""Where ssh keeps its sockets, when the state folder has a long path."""

import socket
from pathlib import Path

import pytest

from agent.remediate.environment import ansible_environment

ENDING = "/0123456789.0123456789abcdef"  # Ansible's hash, then what ssh adds while it connects


@pytest.mark.parametrize("length", range(60, 100))
def test_connections_are_shared_exactly_where_a_socket_can_be(length):
    home = Path("/" + "é" * 10 + "x" * (length - 24))
    environment = ansible_environment(home=home)
    sockets = environment["ANSIBLE_SSH_CONTROL_PATH_DIR"]
    assert len(sockets.encode()) == length
    with socket.socket(socket.AF_UNIX) as one, pytest.raises(OSError, match=r"too long|No such file") as said:
        one.bind(sockets + ENDING)
    fits = "too long" not in str(said.value)
    assert ("ControlPersist" in environment["ANSIBLE_SSH_ARGS"]) == fits
    assert "ServerAliveInterval" in environment["ANSIBLE_SSH_ARGS"]
