"""Folders whose files the agent runs as root elsewhere in, every file that somebody else could change out."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.errors import Problem

_MOST = 20  # named; after so many the message is clear


def check_permissions(folders: Iterable[Path]) -> Iterator[Problem]:
    """Yield what is writable by others, or owned by somebody who is neither root nor the agent's user.

    Who can write a playbook or a rule has root on the whole fleet.
    """
    trusted = _trusted_users()
    found = 0
    for folder in folders:
        for path in (folder, *sorted(folder.rglob("*"))):
            why = _why_not(path, trusted)
            if why:
                yield Problem(
                    path, why, hint="it decides what runs as root on your hosts: chmod go-w, chown root"
                )
                found += 1
                if found >= _MOST:
                    return


def _why_not(path: Path, trusted: frozenset[int]) -> str:
    try:
        status = path.lstat()
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    if stat.S_ISLNK(status.st_mode):
        return ""  # what it points to is looked at where it is read from a trusted folder
    if status.st_uid not in trusted:
        return f"belongs to user {_name(status.st_uid)}, not to root or the agent's user"
    if status.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if status.st_mode & stat.S_IWGRP and status.st_gid not in _own_groups(status.st_uid):
        return "can be written by its group"
    return ""


def _trusted_users() -> frozenset[int]:
    users = {0, os.geteuid()}
    sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and sudo.isdigit():
        users.add(int(sudo))  # who may become root by sudo is trusted already
    return frozenset(users)


def _own_groups(uid: int) -> frozenset[int]:
    """Return the groups that are as good as their owner: root's, and the owner's private one."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return frozenset({0})
    return frozenset({0, entry.pw_gid})


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
