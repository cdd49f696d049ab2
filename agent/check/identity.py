"""As whom to look: as the agent's user, whose keys, known hosts and files are what counts."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from agent.check.credentials import lay_out_credentials
from agent.check.lines import Line, missing
from agent.config import load_settings
from agent.errors import ConfigError

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


def look_as_the_agent(file: Path, folder: Path) -> str:
    """Become the agent's user where we can, with its secrets; return its name where we cannot, else nothing.

    ``folder`` is one of ours for the time of the look, and becomes that user's.
    """
    user = _user_of(file)
    ours = user is None or user.pw_uid == os.geteuid() or os.geteuid() != 0
    secrets = folder / "credentials"
    secrets.mkdir(mode=0o700)
    lay_out_credentials(secrets, None if ours or user is None else (user.pw_uid, user.pw_gid))
    if user is None or user.pw_uid == os.geteuid():
        return ""
    if os.geteuid() != 0:
        return user.pw_name
    for one in (folder, secrets):
        os.chown(one, user.pw_uid, user.pw_gid)
    become(user)
    return ""


def as_another(user: str) -> Line:
    """Return the line that says what a check by somebody else than the agent's user leaves out."""
    text = (
        f"you are not {user}: what only {user} may read, and hosts, which know its key, are left out; "
        "sudo opsmend check looks as it does"
    )
    return missing("user", text)


def _user_of(file: Path) -> pwd.struct_passwd | None:
    try:
        return agents_user(load_settings(file).agent.state_dir)
    except ConfigError:
        return None  # said later
