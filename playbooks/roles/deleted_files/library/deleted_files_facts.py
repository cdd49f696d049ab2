#!/usr/bin/python
"""Ansible module: who keeps room of a file system by files that were deleted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deleted_files_facts
short_description: Find the processes that have deleted files open
description:
  - A file that was deleted while a process has it open takes its room until that process closes it.
  - Looks only, and gives the same answer in check mode.
options:
  mountpoint:
    description: Where the file system is mounted.
    type: path
    required: true
author:
  - opsmend
"""

RETURN = r"""
free_ratio:
  description: Share of the file system that unprivileged users can still write.
  type: float
  returned: always
share:
  description: Share of the file system that deleted files take.
  type: float
  returned: always
holders:
  description:
    - The processes that hold them, the largest first, with pid, name, unit, container, share (of the file
      system) and files (the largest ones, as they were called).
  type: list
  elements: dict
  returned: always
"""

import os

from ansible.module_utils import opsmend_proc as proc
from ansible.module_utils.basic import AnsibleModule

_MOST_NAMES = 5


def held(device):
    """Return what each process holds on a device, as (bytes, path) by inode, by pid."""
    found = {}
    for pid in proc.all_pids():
        all_of_it = proc.deleted_files(pid)
        mine = {inode: (size, path) for place, inode, size, path in all_of_it if place == device}
        if mine:
            found[pid] = mine
    return found


def describe(pid, files, total):
    """Return what people and the role want to know of one holder."""
    largest = sorted(files.values(), reverse=True)[:_MOST_NAMES]
    return {
        "pid": pid,
        "name": proc.name_of(pid),
        "unit": proc.unit_of(pid),
        "container": proc.is_in_container(pid),
        "share": round(sum(size for size, _ in files.values()) / total, 4),
        "files": ["%d MiB %s" % (size >> 20, path) for size, path in largest],
    }


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"mountpoint": {"type": "path", "required": True}}, supports_check_mode=True
    )
    mountpoint = module.params["mountpoint"]
    if not os.path.ismount(mountpoint):
        module.fail_json(msg="%s is no mount point" % mountpoint)
    seen = os.statvfs(mountpoint)
    total = seen.f_blocks * seen.f_frsize or 1
    by_process = held(os.stat(mountpoint).st_dev)
    files = {inode: size for mine in by_process.values() for inode, (size, _) in mine.items()}
    holders = [describe(pid, mine, total) for pid, mine in by_process.items()]
    module.exit_json(
        changed=False,
        free_ratio=round(seen.f_bavail / (seen.f_blocks or 1), 4),
        share=round(sum(files.values()) / total, 4),
        holders=sorted(holders, key=lambda one: -one["share"]),
    )


if __name__ == "__main__":
    main()
