#!/usr/bin/python
"""Ansible module: compress the oldest files of some kind until a file system has room again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pack_old_files
short_description: Compress old files until enough room is free
description:
  - Compresses regular files with gzip, the oldest first, each beside itself with the same owner, mode and
    time, and stops as soon as the goal or the time limit is reached.
  - A file stays as it is when a process has it open, when it is too young, when it has other names, when
    it consists of holes, when there is such an archive already, or when the file system has no room for it.
options:
  mountpoint:
    description: Where the file system is mounted.
    type: path
    required: true
  directories:
    description: Directories to look into.
    type: list
    elements: path
    required: true
  patterns:
    description: What the files are called.
    type: list
    elements: str
    required: true
  excluded:
    description: Directories below these in which nothing is touched.
    type: list
    elements: path
    default: []
  keep_hours:
    description: Files changed within that time stay as they are.
    type: float
    default: 1
  goal_free_ratio:
    description: Share of the file system that is to be free.
    type: float
    required: true
  seconds:
    description: No file is begun later than this.
    type: float
    default: 180
author:
  - opsmend
"""

RETURN = r"""
packed:
  description: How many files were compressed, or in check mode how many might be.
  type: int
  returned: always
free_ratio:
  description: Share that is free now.
  type: float
  returned: always
"""

import contextlib
import gzip
import os
import shutil
import time

from ansible.module_utils import opsmend_files as files
from ansible.module_utils.basic import AnsibleModule

_MOSTLY_HOLES = 16  # times as large as the room it takes: nothing to gain, and hours to read
_PACKED = ("*.gz", "*.xz", "*.bz2", "*.zst", "*.zip")


def free_ratio(mountpoint):
    """Return the share that unprivileged users can still take."""
    seen = os.statvfs(mountpoint)
    return seen.f_bavail / seen.f_blocks if seen.f_blocks else 1.0


def pack(file, device):
    """Replace a file by its archive; return whether it still was the one that was found. Raises OSError."""
    name = os.path.basename(file.path)
    with files.folder_of(file.top, file.path) as folder:
        with os.fdopen(files.open_regular(name, folder), "rb") as plain:
            seen = os.fstat(plain.fileno())
            if (seen.st_dev, seen.st_ino) != (device, file.inode) or seen.st_nlink != 1:
                return False
            if seen.st_size > seen.st_blocks * 512 * _MOSTLY_HOLES:
                return False
            try:
                write(plain, seen, folder, name + ".gz")
                now = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if (now.st_ino, now.st_size, now.st_mtime) != (seen.st_ino, seen.st_size, seen.st_mtime):
                    raise OSError("%s was written to" % file.path)
            except FileExistsError:
                return False
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name + ".gz", dir_fd=folder)
                raise
        os.unlink(name, dir_fd=folder)
    return True


def write(plain, seen, folder, name):
    """Write an archive with the owner, mode and time of what is in it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as stream:
        with gzip.GzipFile("", "wb", 6, stream) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
        stream.flush()
        os.fsync(stream.fileno())
        os.fchown(stream.fileno(), seen.st_uid, seen.st_gid)
        os.fchmod(stream.fileno(), seen.st_mode & 0o777)
        os.utime(stream.fileno(), ns=(seen.st_atime_ns, seen.st_mtime_ns))


def pack_all(found, goal, mountpoint, device, seconds):
    """Pack files until the goal or the time limit is reached; return how many were."""
    packed = 0
    deadline = time.monotonic() + seconds
    for file in found:
        if free_ratio(mountpoint) >= goal or time.monotonic() > deadline:
            break
        try:
            packed += pack(file, device)
        except OSError:
            continue  # the next one may be smaller
    return packed


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "mountpoint": {"type": "path", "required": True},
            "directories": {"type": "list", "elements": "path", "required": True},
            "patterns": {"type": "list", "elements": "str", "required": True},
            "excluded": {"type": "list", "elements": "path", "default": []},
            "keep_hours": {"type": "float", "default": 1},
            "goal_free_ratio": {"type": "float", "required": True},
            "seconds": {"type": "float", "default": 180},
        },
        supports_check_mode=True,
    )
    files.unwind_when_ended()
    params = module.params
    mountpoint, goal = params["mountpoint"], params["goal_free_ratio"]
    if not os.path.ismount(mountpoint):
        module.fail_json(msg="%s is no mount point" % mountpoint)
    if free_ratio(mountpoint) >= goal:
        module.exit_json(changed=False, packed=0, free_ratio=round(free_ratio(mountpoint), 4))
    device = os.stat(mountpoint).st_dev
    before = time.time() - params["keep_hours"] * 3600
    in_use = files.open_inodes(device)
    old = files.old_files(
        params["directories"], device, before, params["patterns"], _PACKED, params["excluded"]
    )
    # an empty file gets no smaller
    old = [one for one in old if one.size and one.inode not in in_use]
    packed = len(old) if module.check_mode else pack_all(old, goal, mountpoint, device, params["seconds"])
    module.exit_json(changed=packed > 0, packed=packed, free_ratio=round(free_ratio(mountpoint), 4))


if __name__ == "__main__":
    main()
