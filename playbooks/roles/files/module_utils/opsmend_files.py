"""Files in folders that others may write: found by their names, touched without following any link.

Whoever may write to a folder can put a link in the place of a folder below it between a look and a deed.
So a file is reached again part by part, without links, and must still be the one that was seen.

Runs on managed hosts, so: the standard library, any Python 3.6 or newer.
"""

from __future__ import annotations

import collections
import contextlib
import fnmatch
import os
import signal
import stat
import sys

MOST_SEEN = 2000000  # entries; more would take longer than a step may

# a regular file: changed (mtime), the folder it was looked for in, its path below that, its inode, its size
Found = collections.namedtuple("Found", "changed top path inode size")


def unwind_when_ended():
    """Let whoever ends us, as timeout(1) does, leave nothing half done: SIGTERM unwinds as a failure does."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def walk(top, device, excluded=()):
    """Yield every folder below one with its entries, itself first, without leaving its file system."""
    todo = [top]
    seen = 0
    while todo and seen < MOST_SEEN:
        folder = todo.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        seen += len(entries)
        yield folder, entries
        for entry in entries:
            try:
                mine = (
                    entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device
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
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def unlink(file, device):
    """Remove a file if it is still the one that was found; return whether it was. Raises OSError."""
    name = os.path.basename(file.path)
    with folder_of(file.top, file.path) as folder:
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(now.st_mode) or (now.st_dev, now.st_ino) != (device, file.inode):
            return False
        os.unlink(name, dir_fd=folder)
    return True
