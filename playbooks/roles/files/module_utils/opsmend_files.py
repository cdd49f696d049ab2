"""Files in folders that others may write: found by their names, touched without following any link of theirs.

Whoever may write to a folder can put a link in the place of a folder below it between a look and a deed.
So a file is reached again part by part, without links, and must still be the one that was seen; a pipe or a
device in its place is never waited for.

Runs on managed hosts, so: the standard library, any Python 3.6 or newer.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import fnmatch
import itertools
import os
import signal
import stat
import sys

MOST_SEEN = 2000000  # entries; more would take longer than a step may
MOST_LINKS = 40  # as the kernel
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY

# a regular file: changed (mtime), the folder it was looked for in, its path below that, its inode, its size
Found = collections.namedtuple("Found", "changed top path inode size")


def unwind_when_ended():
    """Let whoever ends us, as timeout(1) does, leave nothing half done: SIGTERM unwinds as a failure does."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def walk(top, device, excluded=(), most=MOST_SEEN):
    """Yield every folder below one with its entries, itself first.

    Without leaving a device, unless that is None, and until so many entries were seen.
    """
    todo = [top]
    seen = 0
    while todo and seen < most:
        folder = todo.pop()
        try:
            with os.scandir(folder) as found:
                entries = list(itertools.islice(found, most - seen))
        except OSError:
            continue
        seen += len(entries)
        yield folder, entries
        for entry in entries:
            try:
                mine = entry.is_dir(follow_symlinks=False) and device in (
                    None,
                    entry.stat(follow_symlinks=False).st_dev,
                )
            except OSError:
                continue
            if mine and entry.path not in excluded:
                todo.append(entry.path)


def old_files(tops, device, before, patterns=("*",), left_out=(), excluded=()):
    """Return the regular files on a device that were last changed before a time, the oldest first."""
    found = {}
    for top in tops:
        for _, entries in walk(top, device, excluded):
            for entry in entries:
                if not matches(entry.name, patterns) or matches(entry.name, left_out):
                    continue
                try:
                    seen = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if stat.S_ISREG(seen.st_mode) and seen.st_dev == device and seen.st_mtime < before:
                    path = os.path.relpath(entry.path, top)
                    found[seen.st_ino] = Found(seen.st_mtime, top, path, seen.st_ino, seen.st_size)
    return sorted(found.values())


def matches(name, patterns):
    """Return whether a name is like one of the patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def open_inodes(device):
    """Return the inodes of a file system that some process has open."""
    found = set()
    for pid in os.listdir("/proc"):
        if not pid.isdigit():
            continue
        try:
            entries = os.listdir("/proc/%s/fd" % pid)
        except OSError:
            continue
        for entry in entries:
            try:
                seen = os.stat("/proc/%s/fd/%s" % (pid, entry))
            except OSError:
                continue
            if seen.st_dev == device:
                found.add(seen.st_ino)
    return found


@contextlib.contextmanager
def folder_of(top, path):
    """Open the folder of a file below another folder, following no link on the way. Raises OSError."""
    descriptor = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in path.split(os.sep)[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def root_folder(path):
    """Open a folder by its whole path, following no link but root's own. Raises OSError."""
    descriptor = os.open("/", _FOLDER)
    try:
        todo = path.split("/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            try:
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
            except OSError as error:
                target = link_of_root(part, descriptor)
                links += 1
                if target is None:
                    why = "no folder, nor a link of root's own to one: %s" % part
                    raise OSError(error.errno, why, path) from error
                if links > MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from error
                todo += target.split("/")[::-1]
                part = "/" if target.startswith("/") else "."
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def link_of_root(name, folder):
    """Return where a link leads that only root can have put there, or None."""
    seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISLNK(seen.st_mode) or seen.st_uid != 0 or not is_ours_alone(folder):
        return None
    return os.readlink(name, dir_fd=folder)


def is_ours_alone(descriptor):
    """Return whether nobody but root and this user may write to what is open."""
    seen = os.fstat(descriptor)
    return seen.st_uid in (0, os.geteuid()) and not seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def open_regular(name, folder, flags=os.O_RDONLY):
    """Open a regular file, and wait for nothing. Raises OSError."""
    descriptor = os.open(name, flags | _FILE, dir_fd=folder)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "is no regular file", name)


def read_little(path, most):
    """Return the first bytes of a regular file, and what the file is. Raises OSError."""
    with root_folder(os.path.dirname(path)) as folder:
        descriptor = open_regular(os.path.basename(path), folder)
        try:
            return os.read(descriptor, most), os.fstat(descriptor)
        finally:
            os.close(descriptor)


def printable(name):
    """Return a name as text for people: names on disk are bytes, of any charset or none."""
    return os.fsencode(name).decode("utf-8", "replace")


def unlink(file, device):
    """Remove a file if it is still the one that was found; return whether it was. Raises OSError."""
    name = os.path.basename(file.path)
    with folder_of(file.top, file.path) as folder:
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(now.st_mode) or (now.st_dev, now.st_ino) != (device, file.inode):
            return False
        os.unlink(name, dir_fd=folder)
    return True
