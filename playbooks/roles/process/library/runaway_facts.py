#!/usr/bin/python
"""Ansible module: what the processes of a name take together, and which of them make it up."""

from __future__ import annotations

DOCUMENTATION = r"""
module: runaway_facts
short_description: Find the processes of a name that run away
description:
  - Measures for some seconds how much of a processor the processes of a name take, or would take if they got
    one. A process that waits for a processor is as busy as one that has it, so the answer is the same on a
    machine that others keep busy, and in a container that is throttled.
  - When it is more than they may take together, chooses the busiest, one after another, until the others take
    less than that, and with them those that are about as busy as the last one. Who sleeps is never chosen.
  - Looks only, and gives the same answer in check mode.
options:
  name:
    description: Command name, as in /proc/PID/comm.
    type: str
    required: true
  most_percent:
    description: What they may take together, in percent of one processor.
    type: float
    required: true
  seconds:
    description: How long to measure.
    type: float
    default: 5
author:
  - opsmend
"""

RETURN = r"""
total_percent:
  description: What all processes of the name take together or wait for, in percent of one processor.
  type: float
  returned: always
count:
  description: How many processes of the name there are.
  type: int
  returned: always
kernel:
  description: Whether the name is that of threads of the kernel, which nobody can stop.
  type: bool
  returned: always
processes:
  description:
    - Those that run away, the busiest first, as process_facts describes them, with cpu_percent (what it had)
      and wait_percent (what it waited for).
  type: list
  elements: dict
  returned: always
"""

import time

from ansible.module_utils import opsmend_proc as proc
from ansible.module_utils.basic import AnsibleModule

_ABOUT_AS_BUSY = 0.5


def sample():
    """Return what every process has used and waited for so far, in seconds, by pid and start."""
    found = {}
    for pid in proc.all_pids():
        started = proc.start_of(pid)
        if started is not None and pid != 1:
            found[pid, started] = (proc.cpu_seconds(pid), proc.waited_seconds(pid))
    return found


def shares(before, after, span, name):
    """Return (had, waited for) in percent of one processor, by pid and start, of the processes of a name.

    What began meanwhile is counted with all it has used.
    """
    found = {}
    for key, (used, waited) in after.items():
        if proc.name_of(key[0]) != name:
            continue
        used_before, waited_before = before.get(key, (0.0, {}))
        waits = sum(max(0.0, now - waited_before.get(thread, 0.0)) for thread, now in waited.items())
        found[key] = ((used - used_before) / span * 100, waits / span * 100)
    return found


def choose(busy, most):
    """Return the keys that make up a sum of more than ``most``, the busiest first."""
    left = sum(busy.values())
    needed = 0.0  # share of the last one that has to go
    chosen = []
    for key in sorted(busy, key=lambda key: -busy[key]):
        if left >= most:
            needed = busy[key]
        elif not chosen or busy[key] < needed * _ABOUT_AS_BUSY:
            break
        chosen.append(key)
        left -= busy[key]
    return chosen


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "most_percent": {"type": "float", "required": True},
            "seconds": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    name = module.params["name"]
    begin, before = time.monotonic(), sample()
    time.sleep(module.params["seconds"])
    span, after = time.monotonic() - begin, sample()
    taken = shares(before, after, span, name)
    busy = {key: had + waited for key, (had, waited) in taken.items()}
    processes = []
    for key in choose(busy, module.params["most_percent"]):
        described = proc.describe(key[0])
        if described is not None and described["started"] == key[1]:
            had, waited = taken[key]
            processes.append(dict(described, cpu_percent=round(had, 1), wait_percent=round(waited, 1)))
    module.exit_json(
        changed=False,
        total_percent=round(sum(busy.values()), 1),
        count=len(taken),
        kernel=any(proc.is_of_kernel(pid) for pid, _ in taken),
        processes=processes,
    )


if __name__ == "__main__":
    main()
