"""As whom to look: as the agent's user, whose keys, known hosts and files are what counts."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

USER = "opsmend"


def agents_user(state_dir: Path) -> pwd.struct_passwd | None:
    """Return whose agent it is: who owns its state, else the user that the package makes, or None."""
    try:
        owner = pwd.getpwuid(state_dir.stat().st_uid)
    except (OSError, KeyError):
        owner = None
    if owner is not None and owner.pw_uid != 0:
        return owner
    try:
        return pwd.getpwnam(USER) if owner is None else owner
    except KeyError:
        return owner


def become(user: pwd.struct_passwd) -> None:
    """Let this process be that user from now on, with its home. Only root can. Raises OSError."""
    os.setgroups(os.getgrouplist(user.pw_name, user.pw_gid))
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
    os.chdir("/")
