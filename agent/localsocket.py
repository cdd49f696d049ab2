"""The agent's own socket on its machine: how both ends reach it, and who the kernel says is at the other."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "agent.sock"
_LONGEST_PATH = 107  # bytes that the kernel takes as the address of a local socket
_CREDENTIALS = struct.Struct("3i")  # SO_PEERCRED: process, user, group (unix(7))


@contextmanager
def short_address(path: Path) -> Iterator[str]:
    """Yield an address for a local socket whose path may be longer than the kernel takes. Raises OSError."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(folder: Path, timeout_s: float) -> socket.socket:
    """Return a connection to the agent whose runtime folder this is. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        with short_address(folder / FILE) as address:
            connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """Return user and process at the other end, as of when it connected or began to listen."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return uid, pid


def running_agent(folder: Path) -> int | None:
    """Return the process of the agent that answers on a runtime folder, or None.

    Raises PermissionError when this user may not ask.
    """
    try:
        with connect(folder, 2.0) as connection:
            return peer_of(connection)[1]
    except PermissionError:
        raise
    except OSError:
        return None
