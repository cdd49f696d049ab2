"""A process that gives a command in, the person behind it out, from what that person cannot set."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from agent.decide.policy import groups_of
from agent.records import Person

_NOBODY_LOGGED_IN = 2**32 - 1  # of a process that began with no login: a service, a container
_ROOT = 0


def person_at_the_keyboard() -> Person:
    """Return who gives a command."""
    return person_of(os.getuid(), os.getpid())


def person_of(uid: int, pid: int) -> Person:
    """Return the person behind a process of a user.

    Whoever logged in is noted by the kernel (``loginuid``), stays through sudo and su, and cannot be set
    by the person; the environment (``SUDO_USER``, ``LOGNAME``) can. Where no login is noted the user of
    the process counts; root may then be any of those who can become root, who are not told apart.
    """
    login = _login_of(pid)
    if login is not None:
        return _person(login, told_apart=True)
    return _person(uid, told_apart=uid != _ROOT)


def _login_of(pid: int) -> int | None:
    try:
        login = int(Path(f"/proc/{pid}/loginuid").read_text())
    except (OSError, ValueError):
        return None  # no such process, or a kernel without audit
    return None if login == _NOBODY_LOGGED_IN else login


def _person(uid: int, told_apart: bool) -> Person:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    return Person(name, groups_of(name), told_apart=told_apart)
