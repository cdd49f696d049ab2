#!/usr/bin/python
"""Ansible module: how much memory is left, and which service has the rest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: memory_facts
short_description: Say how much memory is left and which services have the rest
description:
  - Counts what the processes of each service keep in RAM. Looks only.
  - In a container the limit of the container counts, not the machine's memory.
options: {}
author:
  - opsmend
"""

RETURN = r"""
available_ratio:
  description: Share of the memory that programs can still get.
  type: float
  returned: always
units:
  description:
    - Services with the most memory, with unit, bytes, share (of all memory) and the pid of the largest
      process; what belongs to no service has no unit.
  type: list
  elements: dict
  returned: always
profile:
  description: What the largest process of the first service has its memory for.
  type: str
  returned: always
"""

import collections
import re

from ansible.module_utils import opsmend_proc as proc
from ansible.module_utils.basic import AnsibleModule

_MOST_UNITS = 10
_MOST_MAPPINGS = 20


def units(total):
    """Return the services that have the most memory, the largest first."""
    sums = collections.Counter()
    largest = {}
    for pid in proc.all_pids():
        fields = proc.read("/proc/%d/statm" % pid).split()
        if pid == 1 or len(fields) < 3:
            continue
        # shared pages would be counted once for each process; what leaks is not shared
        size = (int(fields[1]) - int(fields[2])) * proc.PAGE
        unit = proc.unit_of(pid) or ""
        sums[unit] += size
        largest[unit] = max(largest.get(unit, (0, 0)), (size, pid))
    return [
        {"unit": unit, "bytes": size, "share": round(size / total, 3), "pid": largest[unit][1]}
        for unit, size in sums.most_common(_MOST_UNITS)
    ]


def profile(pid):
    """Return status and largest mappings of a process, the largest first."""
    kept = ("Name", "State", "Vm", "Rss", "Threads")
    status = [line for line in proc.read("/proc/%d/status" % pid).splitlines() if line.startswith(kept)]
    mappings = []
    name = ""
    for line in proc.read("/proc/%d/smaps" % pid).splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            name = [*line.split(None, 5), "anonymous"][5]
        elif line.startswith("Rss:"):
            mappings.append((int(line.split()[1]), name))
    rows = ["%10d kB  %s" % item for item in sorted(mappings, reverse=True)[:_MOST_MAPPINGS]]
    return "\n".join([*status, "", "largest mappings, in RAM:", *rows]) + "\n"


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    total, left = proc.memory()
    found = units(total)
    module.exit_json(
        changed=False,
        available_ratio=left,
        units=found,
        profile=profile(found[0]["pid"]) if found else "",
    )


if __name__ == "__main__":
    main()
