#!/usr/bin/python
"""Ansible module: stop processes of one name that keep a processor busy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stop_processes
short_description: Stop processes of one name that keep a processor busy
description:
  - Measures for one second how much of a processor each process of the name takes.
  - Those above the limit that belong to no systemd service get SIGTERM, and SIGKILL after a grace time.
  - Those that belong to a service are left alone; the service is named in C(units).
options:
  name:
    description: Command name, as in /proc/PID/comm.
    type: str
    required: true
  min_cpu_percent:
    description: Share of one processor, in percent, from which a process is stopped.
    type: int
    default: 80
  grace_seconds:
    description: How long a process may take to end by itself.
    type: int
    default: 5
author:
  - opsmend
"""

RETURN = r"""
pids:
  description: Processes that were stopped.
  type: list
  elements: int
  returned: always
units:
  description: Services whose processes keep a processor busy.
  type: list
  elements: str
  returned: always
"""

import os
import re
import signal
import time

from ansible.module_utils.basic import AnsibleModule

_TICKS = os.sysconf("SC_CLK_TCK")


def read(path):
    """Return a file of /proc, or nothing when the process is gone."""
    try:
        with open(path) as stream:
            return stream.read()
    except OSError:
        return ""


def pids_of(name):
    """Return the processes of that name, never the first and never ourselves."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [p for p in pids if p not in (1, os.getpid()) and read("/proc/%d/comm" % p).rstrip("\n") == name]


def cpu_seconds(pid):
    """Return the processor time a process has used, with its start time to tell it from a successor."""
    fields = read("/proc/%d/stat" % pid).rpartition(")")[2].split()
    if len(fields) < 20:
        return None
    return fields[19], (int(fields[11]) + int(fields[12])) / _TICKS


def busy(pids, percent):
    """Return the processes that take at least so much of a processor, measured over a second."""
    before = {pid: cpu_seconds(pid) for pid in pids}
    begin = time.monotonic()
    time.sleep(1.0)
    span = time.monotonic() - begin
    found = []
    for pid, old in before.items():
        new = cpu_seconds(pid)
        if old and new and old[0] == new[0] and (new[1] - old[1]) / span * 100 >= percent:
            found.append(pid)
    return found


def unit_of(pid):
    """Return the systemd service a process belongs to, or None."""
    match = re.search(r"/system\.slice/(?:[^\n]*/)?([^/\n]+\.service)", read("/proc/%d/cgroup" % pid))
    return match.group(1) if match else None


def stop(pids, grace_s):
    """Ask processes to end, then make them; return those that are still there."""
    started = {pid: start_of(pid) for pid in pids}

    def alive():
        # a process id may be taken by another process as soon as the first one has ended
        return [pid for pid in pids if started[pid] and start_of(pid) == started[pid]]

    end(alive(), signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    end(alive(), signal.SIGKILL)
    time.sleep(0.2)
    return alive()


def start_of(pid):
    """Return when a process was started, or None when it is gone or only waits to be collected."""
    fields = read("/proc/%d/stat" % pid).rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else None


def end(pids, number):
    """Send a signal to processes that may be gone already."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "min_cpu_percent": {"type": "int", "default": 80},
            "grace_seconds": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    found = busy(pids_of(module.params["name"]), module.params["min_cpu_percent"])
    owners = {pid: unit_of(pid) for pid in found}
    strays = [pid for pid in found if owners[pid] is None]
    units = sorted({unit for unit in owners.values() if unit})
    if not module.check_mode:
        left = stop(strays, module.params["grace_seconds"])
        if left:
            module.fail_json(msg="processes did not end: %s" % left, pids=strays, units=units)
    module.exit_json(changed=bool(strays), pids=strays, units=units)


if __name__ == "__main__":
    main()
