#!/usr/bin/python
"""Ansible module: remove the oldest disposable files until a file system has room again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: remove_old_files
short_description: Remove the oldest disposable files until enough room or inodes are free
description:
  - Removes regular files only, the oldest first, and stops as soon as the goal is reached.
  - A file stays when a process has it open, when it is younger than the keep time, when it lies on another
    file system, or when something else has been put in its place since it was seen.
options:
  mountpoint:
    description: Where the file system is mounted.
    type: path
    required: true
  resource:
    description: What is short.
    type: str
    choices: [bytes, inodes]
    required: true
  directories:
    description: Directories that hold nothing but disposable files.
    type: list
    elements: path
    required: true
  patterns:
    description: What disposable files are called.
    type: list
    elements: str
    default: ["*"]
  excluded:
    description: Directories below these in which nothing is touched.
    type: list
    elements: path
    default: []
  keep_hours:
    description: Files changed within that time stay.
    type: float
    required: true
  goal_free_ratio:
    description: Share of the room or the inodes that is to be free.
    type: float
    required: true
  enough_free_ratio:
    description: Share that is enough when nothing can be removed; with less that is a failure.
    type: float
    required: true
author:
  - opsmend
"""

RETURN = r"""
removed:
  description: How many files were removed, or in check mode how many might be.
  type: int
  returned: always
free_ratio:
  description: Share that is free now.
  type: float
  returned: always
crowded:
  description: The files that take most room, or the directories of most entries; only when help was needed.
  type: list
  elements: str
  returned: always
"""

import heapq
import os
import time

from ansible.module_utils import opsmend_files as files
from ansible.module_utils.basic import AnsibleModule

_MOST_CROWDED = 5
_LOOK_EVERY = {"bytes": 1, "inodes": 50}  # files; a log is large, a session is not


def free_ratio(mountpoint, resource):
    """Return the share that unprivileged users can still take."""
    stat = os.statvfs(mountpoint)
    if resource == "inodes":
        return stat.f_favail / stat.f_files if stat.f_files else 1.0
    return stat.f_bavail / stat.f_blocks if stat.f_blocks else 1.0


def remove(found, goal, mountpoint, resource, device):
    """Remove files until the goal is reached; return how many went."""
    removed = 0
    for file in found:
        if removed % _LOOK_EVERY[resource] == 0 and free_ratio(mountpoint, resource) >= goal:
            break
        try:
            removed += files.unlink(file, device)
        except OSError:
            continue
    return removed


def crowded(mountpoint, device, resource):
    """Return what takes most, the largest first: files for room, directories for inodes."""
    counts = entries_of if resource == "inodes" else sizes_of
    unit = "%d in %s" if resource == "inodes" else "%d MiB in %s"
    scale = 1 if resource == "inodes" else 1 << 20
    largest = heapq.nlargest(_MOST_CROWDED, counts(mountpoint, device))
    return [unit % (taken // scale, files.printable(path)) for taken, path in largest if taken >= scale]


def entries_of(mountpoint, device):
    """Yield how many entries each directory has."""
    for folder, entries in files.walk(mountpoint, device):
        yield len(entries), folder


def sizes_of(mountpoint, device):
    """Yield the room that each file takes."""
    for folder, entries in files.walk(mountpoint, device):
        for entry in entries:
            yield size_of(entry), os.path.join(folder, entry.name)


def size_of(entry):
    """Return the room that a file takes on disk."""
    try:
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "mountpoint": {"type": "path", "required": True},
            "resource": {"type": "str", "choices": ["bytes", "inodes"], "required": True},
            "directories": {"type": "list", "elements": "path", "required": True},
            "patterns": {"type": "list", "elements": "str", "default": ["*"]},
            "excluded": {"type": "list", "elements": "path", "default": []},
            "keep_hours": {"type": "float", "required": True},
            "goal_free_ratio": {"type": "float", "required": True},
            "enough_free_ratio": {"type": "float", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    mountpoint, goal, resource = params["mountpoint"], params["goal_free_ratio"], params["resource"]
    if not os.path.ismount(mountpoint):
        module.fail_json(msg="%s is no mount point" % mountpoint)
    free = free_ratio(mountpoint, resource)
    if free >= goal:
        module.exit_json(changed=False, removed=0, free_ratio=round(free, 4), crowded=[])
    device = os.stat(mountpoint).st_dev
    people = crowded(mountpoint, device, resource)
    before = time.time() - params["keep_hours"] * 3600
    in_use = files.open_inodes(device)
    old = files.old_files(
        params["directories"], device, before, params["patterns"], excluded=params["excluded"]
    )
    old = [one for one in old if one.inode not in in_use]
    removed = len(old) if module.check_mode else remove(old, goal, mountpoint, resource, device)
    free = free_ratio(mountpoint, resource)
    result = {"removed": removed, "free_ratio": round(free, 4), "crowded": people}
    if not removed and free < params["enough_free_ratio"]:
        why = "no disposable file is old enough; most is taken by: %s" % ", ".join(people)
        module.fail_json(msg=why, **result)
    module.exit_json(changed=removed > 0, **result)


if __name__ == "__main__":
    main()
