#!/usr/bin/python
"""Ansible module: end what a step left behind, and say whether all of it could be seen.

The agent runs the same code for its own machine, so what Ansible gives is imported where it is used.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: reap
short_description: End every process that carries the mark of a run
description:
  - A process belongs to a run when the mark is in its environment, or when its parent belongs to it.
  - Services that the run restarted do not, because systemd starts them.
options:
  mark:
    description: What the value of OPSMEND_RUN begins with.
    type: str
    required: true
  seconds:
    description: How long ago the run began. What is older cannot be of it.
    type: float
    required: true
author:
  - opsmend
"""

RETURN = r"""
ended:
  description: How many processes were ended.
  type: int
  returned: always
left:
  description: Processes that are still there, with their names.
  type: list
  elements: str
  returned: always
unseen:
  description: Processes as young as the run into which this user may not look.
  type: list
  elements: str
  returned: always
strays:
  description: Processes as young as the run, without its mark, that no service began and nobody waits for.
  type: list
  elements: str
  returned: always
uid:
  description: Who looked.
  type: int
  returned: always
"""

import os
import signal
import time

_MARK = b"OPSMEND_RUN="
_SLACK_S = 5.0
_GRACE_S = 3.0
_KERNEL = 2  # the parent of the kernel's own threads
# a login's commands may be in the unit of its server; what any other unit has, systemd started
_LOGINS = ("ssh.service", "sshd.service", "sshd@", "ssh@", "dropbear")
# below one of these is somebody's login, who waits for what was begun there
_LOGIN_PROGRAMS = ("sshd", "dropbear", "login")
_TRANSIENT = ("/run/systemd/transient/", "/run/user/%d/systemd/transient/")
_AGAIN_S = 0.5


class Process:
    """One process: its parent, when it started, and whether it carries the mark, or None when unseen.

    ``of_agent``: whether it has the mark of any run; ``depth``: how many namespaces of processes it is in.
    """

    def __init__(self, pid, wanted):
        self.pid = pid
        with open("/proc/%d/stat" % pid, "rb") as stream:
            head, tail = stream.read().rsplit(b")", 1)
        fields = tail.split()
        self.name = head.split(b"(", 1)[1].decode("utf-8", "replace")
        self.state, self.parent, self.started = fields[0], int(fields[1]), int(fields[19])
        try:
            with open("/proc/%d/environ" % pid, "rb") as stream:
                variables = stream.read().split(b"\0")
            self.marked = any(one.startswith(wanted) for one in variables)
            self.of_agent = any(one.startswith(_MARK) for one in variables)
        except OSError:
            self.marked, self.of_agent = None, False
        self.depth = depth_of(pid)

    def __str__(self):
        return "%s (pid %d)" % (self.name, self.pid)


def depth_of(pid):
    """Return in how many namespaces a process has a number, ours included; one where the kernel is silent."""
    with open("/proc/%d/status" % pid, "rb") as stream:
        numbers = [line.split()[1:] for line in stream if line.startswith(b"NSpid:")]
    return len(numbers[0]) if numbers else 1


def processes(mark):
    """Return all processes by id, but those that have ended."""
    wanted = _MARK + mark.encode()
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                one = Process(int(entry), wanted)
            except (OSError, ValueError, IndexError):
                continue
            if one.state not in (b"Z", b"X"):
                found[one.pid] = one
    return found


def ancestors(found):
    """Return our own line up to the first process; it is never ended."""
    own = set()
    pid = os.getpid()
    while pid in found and pid not in own:
        own.add(pid)
        pid = found[pid].parent
    return own


def belonging(found):
    """Return what carries the mark and everything below it."""
    own = ancestors(found)
    mine = {pid for pid, one in found.items() if one.marked} - own
    grown = True
    while grown:
        more = {pid for pid, one in found.items() if one.parent in mine} - mine - own
        mine |= more
        grown = bool(more)
    return [found[pid] for pid in sorted(mine)]


def beginning(seconds):
    """Return what began so many seconds ago, in ticks since the boot, as processes have it."""
    # what /proc/uptime says, which a hardened unit hides (ProcSubset=pid)
    up = time.clock_gettime(time.CLOCK_BOOTTIME)
    return (up - seconds - _SLACK_S) * os.sysconf("SC_CLK_TCK")


def strays(found, seconds):
    """Return what may be of the run and lost its mark: sudo, su and env take the environment away.

    That is what began with the run or after it, in a login or by systemd-run, and whose line of parents is as
    young and ends at the first process. What a login waits for, or a shell of before has begun, is not.
    Without systemd nobody can say what came of a login.
    """
    began = beginning(seconds)
    own = ancestors(found)
    return [
        one
        for one in found.values()
        if one.started >= began
        and one.pid not in own
        and not (one.marked or one.of_agent or one.marked is None)
        and (is_transient(one.pid) or (is_of_a_login(one.pid) and is_orphan(one, found, began)))
    ]


def is_orphan(one, found, began):
    """Return whether a process hangs on nothing older than the run but the first process."""
    while one.parent != 1:
        parent = found.get(one.parent)
        # beyond a container's edge (0, or fewer namespaces) is whoever manages it
        if parent is None or parent.depth < one.depth or parent.started < began or parent.of_agent:
            return False
        if parent.name.startswith(_LOGIN_PROGRAMS) or is_of_a_service(parent.pid):
            return False
        one = parent
    return not one.name.startswith(_LOGIN_PROGRAMS)


def units_of(pid):
    """Return the names of the services and scopes in a process's control group, the innermost last."""
    try:
        with open("/proc/%d/cgroup" % pid) as stream:
            parts = [part for line in stream for part in line.strip().split("/")]
    except OSError:
        return []
    return [part for part in parts if part.endswith((".service", ".scope"))]


def is_of_a_login(pid):
    """Return whether a process was begun in somebody's login, as far as its control group tells."""
    return any(one.startswith(("session-", *_LOGINS)) for one in units_of(pid)[-1:])


def is_transient(pid):
    """Return whether somebody had systemd start a process without any unit file, as systemd-run does."""
    names = units_of(pid)
    try:
        folders = [one % os.stat("/proc/%d" % pid).st_uid if "%d" in one else one for one in _TRANSIENT]
    except OSError:
        return False
    return bool(names) and any(os.path.exists(folder + names[-1]) for folder in folders)


def unseen(found, seconds):
    """Return the processes of others that began with the run or after it, and that no service began."""
    if 1 not in found:
        return ["all of other users: /proc hides them"]
    began = beginning(seconds)
    own = ancestors(found)
    young = [one for one in found.values() if one.marked is None and one.started >= began]
    return [
        str(one)
        for one in young
        if one.pid not in own and _KERNEL not in (one.pid, one.parent) and not is_of_a_service(one.pid)
    ]


def is_of_a_service(pid):
    """Return whether systemd started a process, as far as its control group tells."""
    names = [one for one in units_of(pid) if one.endswith(".service")]
    return bool(names) and not names[-1].startswith(_LOGINS)


def end(living, number):
    """Send a signal to processes that may be gone already."""
    for one in living:
        try:
            os.kill(one.pid, number)
        except OSError:
            pass


def end_marked(mark):
    """End all that belongs to the mark, first by asking; return how many ended and what is still there."""
    first = belonging(processes(mark))
    seen = {one.pid: one.started for one in first}
    end(first, signal.SIGTERM)
    end(first, signal.SIGCONT)
    deadline = time.monotonic() + _GRACE_S
    left = first
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = still_there(mark, seen)
    end(left, signal.SIGKILL)
    deadline = time.monotonic() + 1
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = still_there(mark, seen)
    return len(first) - len(left), left


def reap(mark, seconds):
    """End all that belongs to the mark; say what is still there, and what may be of it and cannot be told."""
    ended, left = end_marked(mark)
    found = processes(mark)
    hidden = unseen(found, seconds)
    stray = {one.pid: one.started for one in strays(found, seconds)}
    if stray:  # most end by themselves, as what a login leaves behind
        time.sleep(_AGAIN_S)
        found = processes(mark)
    return {
        "ended": ended,
        "left": [str(one) for one in left],
        "unseen": hidden,
        "strays": [str(one) for one in strays(found, seconds) if stray.get(one.pid) == one.started],
        "uid": os.geteuid(),
    }


def still_there(mark, seen):
    """Return what belongs to the mark now, and what did when we began: its parents may be gone meanwhile."""
    found = processes(mark)
    now = {one.pid: one for one in belonging(found)}
    for pid, started in seen.items():
        if pid in found and found[pid].started == started:
            now[pid] = found[pid]
    return list(now.values())


def main():
    """Run the module."""
    from ansible.module_utils.basic import AnsibleModule

    module = AnsibleModule(
        argument_spec={
            "mark": {"type": "str", "required": True},
            "seconds": {"type": "float", "required": True},
        }
    )
    done = reap(module.params["mark"], module.params["seconds"])
    module.exit_json(changed=done["ended"] > 0, **done)


if __name__ == "__main__":
    main()
