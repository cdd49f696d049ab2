#!/usr/bin/python
"""Ansible module: remove the oldest disposable files until a file system can hold new ones again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: remove_old_files
short_description: Remove the oldest disposable files until enough inodes are free
description:
  - Removes regular files only, the oldest first, and stops as soon as the goal is reached.
  - A file stays when a process has it open, when it is younger than the keep time, or when it lies on
    another file system.
options:
  mountpoint:
    description: Where the file system is mounted.
    type: path
    required: true
  directories:
    description: Directories that hold nothing but disposable files.
    type: list
    elements: path
    required: true
  keep_hours:
    description: Files changed within that time stay.
    type: float
    required: true
  goal_free_ratio:
    description: Share of the inodes that is to be free.
    type: float
    required: true
author:
  - opsmend
"""

RETURN = r"""
removed:
  description: How many files were removed, or would be.
  type: int
  returned: always
free_ratio:
  description: Share of the inodes that is free now.
  type: float
  returned: always
crowded:
  description: The directories of the file system with the most entries, for people.
  type: list
  elements: str
  returned: always
"""

import heapq
import os
import time

from ansible.module_utils.basic import AnsibleModule

_MOST_SEEN = 2000000  # entries; more would take longer than the step may
_MOST_CROWDED = 5


def free_ratio(mountpoint):
    """Return the share of inodes that unprivileged users can still take."""
    stat = os.statvfs(mountpoint)
    return stat.f_favail / stat.f_files if stat.f_files else 1.0


def walk(top, device):
    """Yield every directory below one, itself first, without leaving its file system."""
    todo = [top]
    seen = 0
    while todo and seen < _MOST_SEEN:
        folder = todo.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        seen += len(entries)
        yield folder, entries
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device:
                    todo.append(entry.path)
            except OSError:
                continue


def old_files(directories, device, before):
    """Return the files that may go as (time, path, inode), in no order."""
    found = {}
    for top in directories:
        for _, entries in walk(top, device):
            for entry in entries:
                try:
                    stat = entry.stat(follow_symlinks=False)
                    mine = entry.is_file(follow_symlinks=False) and stat.st_dev == device
                    if mine and stat.st_mtime < before:
                        found[entry.path] = (stat.st_mtime, entry.path, stat.st_ino)
                except OSError:
                    continue
    return list(found.values())


def open_inodes(device):
    """Return the inodes of the file system that some process has open."""
    found = set()
    for pid in os.listdir("/proc"):
        if not pid.isdigit():
            continue
        try:
            for entry in os.listdir("/proc/%s/fd" % pid):
                stat = os.stat("/proc/%s/fd/%s" % (pid, entry))
                if stat.st_dev == device:
                    found.add(stat.st_ino)
        except OSError:
            continue
    return found


def remove(files, goal, mountpoint):
    """Remove files until the goal is reached; return how many went."""
    removed = 0
    for _, path, _ in files:
        if removed % 50 == 0 and free_ratio(mountpoint) >= goal:
            break
        try:
            os.unlink(path)
            removed += 1
        except FileNotFoundError:
            continue
    return removed


def crowded(mountpoint, device):
    """Return the directories with the most entries, the fullest first."""
    counts = ((len(entries), folder) for folder, entries in walk(mountpoint, device))
    return ["%d in %s" % item for item in heapq.nlargest(_MOST_CROWDED, counts)]


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "mountpoint": {"type": "path", "required": True},
            "directories": {"type": "list", "elements": "path", "required": True},
            "keep_hours": {"type": "float", "required": True},
            "goal_free_ratio": {"type": "float", "required": True},
        },
        supports_check_mode=True,
    )
    mountpoint, goal = module.params["mountpoint"], module.params["goal_free_ratio"]
    if not os.path.ismount(mountpoint):
        module.fail_json(msg="%s is no mount point" % mountpoint)
    device = os.stat(mountpoint).st_dev
    if free_ratio(mountpoint) >= goal:
        module.exit_json(changed=False, removed=0, free_ratio=free_ratio(mountpoint), crowded=[])
    people = crowded(mountpoint, device)
    before = time.time() - module.params["keep_hours"] * 3600
    in_use = open_inodes(device)
    old = old_files(module.params["directories"], device, before)
    files = sorted(one for one in old if one[2] not in in_use)
    if module.check_mode:
        module.exit_json(
            changed=bool(files), removed=len(files), free_ratio=free_ratio(mountpoint), crowded=people
        )
    removed = remove(files, goal, mountpoint)
    result = {"removed": removed, "free_ratio": round(free_ratio(mountpoint), 4), "crowded": people}
    if not removed:
        why = "no disposable file is old enough; most entries: %s" % ", ".join(people)
        module.fail_json(msg=why, **result)
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
