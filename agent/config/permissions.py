"""What decides what runs as root on hosts in, every place where somebody else could change it out."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from agent.errors import Problem

_MOST = 20  # named; after so many the message is clear
_MOST_LINKS = 40  # as the kernel
_ACCESS_LIST = "system.posix_acl_access"


def check_permissions(paths: Iterable[Path]) -> Iterator[Problem]:
    """Yield what others can write, or what belongs to neither root nor the agent's user.

    Looked at are files, folders with all that is in them, what links lead to, and every folder on the way
    from / down: who can write to one of these can put another file into the place of the right one, and has
    root on the whole fleet. What does not exist is left to whoever reads it.
    """
    look = _Look(_trusted_users())
    yield from islice((problem for path in paths for problem in look.at(path)), _MOST)


@dataclass
class _Look:
    """What was looked at already: paths have most of their way in common."""

    trusted: frozenset[int]
    places: set[tuple[Path, bool]] = field(default_factory=set)
    folders: set[Path] = field(default_factory=set)
    told: set[Path] = field(default_factory=set)

    def at(self, path: Path) -> Iterator[Problem]:
        """Yield what is wrong on the way to a path, with it, and below it."""
        todo = [path]
        while todo:
            place = todo.pop()
            try:
                *way, end = _way_to(place)
                yield from (problem for one in way for problem in self._at_one(one, on_the_way=True))
                yield from self._at_one(end)
                if end.is_dir() and end not in self.folders:
                    self.folders.add(end)
                    todo += sorted(end.iterdir(), reverse=True)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    yield Problem(place, f"cannot be looked at: {error.strerror}")

    def _at_one(self, place: Path, on_the_way: bool = False) -> Iterator[Problem]:
        if (place, on_the_way) in self.places:
            return
        self.places.add((place, on_the_way))
        why = _why_not(place.lstat(), self.trusted, on_the_way) or _by_list(place)
        if why and place not in self.told:
            self.told.add(place)
            hint = "it decides what runs as root on your hosts: chmod go-w, chown root"
            yield Problem(place, why, hint=hint)


def _way_to(path: Path) -> list[Path]:
    """Return every folder and link from / to what a path is in the end. Raises OSError."""
    place = Path("/")
    way = [place]
    todo = list(reversed(path.absolute().parts[1:]))
    links = 0
    while todo:
        part = todo.pop()
        place = place.parent if part == ".." else place / part
        way.append(place)
        if place.is_symlink():
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            target = place.readlink()
            todo += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            place = Path("/") if target.is_absolute() else place.parent
    return way if place == way[-1] else [*way, place]


def _why_not(status: os.stat_result, trusted: frozenset[int], on_the_way: bool) -> str:
    if status.st_uid not in trusted:
        return f"belongs to user {_name(status.st_uid)}, not to root or the agent's user"
    if stat.S_ISLNK(status.st_mode):
        return ""  # its permissions mean nothing; its folder's do
    if on_the_way and status.st_mode & stat.S_ISVTX:
        return ""  # as /tmp: nobody can move what belongs to another, and that is looked at next
    if status.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if status.st_mode & stat.S_IWGRP and not _is_own_group(status.st_gid, status.st_uid):
        return "can be written by its group"
    return ""


def _by_list(place: Path) -> str:
    """Return whether an access list lets somebody write; its most shows as the permission of the group."""
    status = place.lstat()
    if stat.S_ISLNK(status.st_mode) or not status.st_mode & stat.S_IWGRP:
        return ""
    try:
        os.getxattr(place, _ACCESS_LIST)
    except OSError:
        return ""
    return "can be written by whom its access list names"


def _trusted_users() -> frozenset[int]:
    users = {0, os.geteuid()}
    sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and sudo.isdigit():
        users.add(int(sudo))  # who may become root by sudo is trusted already
    return frozenset(users)


def _is_own_group(gid: int, uid: int) -> bool:
    """Return whether a group is as good as its owner: root's, or one that is the owner's alone."""
    if gid == 0:
        return True
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(uid)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and not set(group.gr_mem) - {user.pw_name}


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
