#!/usr/bin/python
"""Ansible module: find processes by what they are or what they hold."""

from __future__ import annotations

DOCUMENTATION = r"""
module: process_facts
short_description: Find processes by name, open file or listening port
description:
  - Looks only, and gives the same answer in check mode.
  - The unit of a process is null when it belongs to no service, as what people start by hand.
options:
  name:
    description: Command name, as in /proc/PID/comm.
    type: str
  pid:
    description: One process.
    type: int
  path:
    description: A file that the process has open.
    type: str
  writing:
    description: With a path, only processes that have it open for writing; who reads a log does not fill it.
    type: bool
    default: false
  port:
    description: A TCP port that the process listens on.
    type: int
  kinds:
    description: Also say what kinds of files each one has open.
    type: bool
    default: false
author:
  - opsmend
"""

RETURN = r"""
processes:
  description:
    - What was found, with pid, started, started_at (unix seconds), name, command, unit, container (whether it
      lives in one), resident_bytes, open_files, soft_file_limit, hard_file_limit and file_ratio (of the soft
      limit), and where it was asked kinds.
  type: list
  elements: dict
  returned: always
"""

import collections
import os
import re

from ansible.module_utils import opsmend_proc as proc
from ansible.module_utils.basic import AnsibleModule

_MOST_KINDS = 8


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "pid": {"type": "int"},
            "path": {"type": "str"},
            "writing": {"type": "bool", "default": False},
            "port": {"type": "int"},
            "kinds": {"type": "bool", "default": False},
        },
        required_one_of=[["name", "pid", "path", "port"]],
        mutually_exclusive=[["name", "pid", "path", "port"]],
        supports_check_mode=True,
    )
    found = []
    for pid in find(module.params):
        described = proc.describe(pid)
        if described is None:
            continue
        if module.params["kinds"]:
            described["kinds"] = kinds_of(pid)
        found.append(described)
    module.exit_json(changed=False, processes=found)


def find(params):
    """Return the processes that are meant, never the first of the machine."""
    pids = [pid for pid in proc.all_pids() if pid != 1]
    if params["name"] is not None:
        return [pid for pid in pids if proc.name_of(pid) == params["name"]]
    if params["pid"] is not None:
        return [pid for pid in pids if pid == params["pid"]]
    if params["path"] is not None and params["writing"]:
        return writers(params["path"], pids)
    if params["path"] is not None:
        return [pid for pid in pids if params["path"] in proc.open_files(pid)]
    sockets = set(proc.listening_places(params["port"]))
    return [pid for pid in pids if sockets & set(proc.socket_inodes(pid))] if sockets else []


def writers(path, pids):
    """Return who has a file open for writing; by the file itself, as containers give it other names."""
    try:
        seen = os.lstat(path)
    except OSError:
        return []
    return [
        pid
        for pid in pids
        if any(how & os.O_ACCMODE != os.O_RDONLY for how in proc.flags_of(pid, seen.st_dev, seen.st_ino))
    ]


def kinds_of(pid):
    """Return what a process has open most of, numbers taken out: a leak shows its kind."""
    kinds = collections.Counter(re.sub(r"\d+", "N", target) for target in proc.open_files(pid))
    return ["%d x %s" % (count, kind[:120]) for kind, count in kinds.most_common(_MOST_KINDS)]


if __name__ == "__main__":
    main()
