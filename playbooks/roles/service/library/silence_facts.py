#!/usr/bin/python
"""Ansible module: whether a service answers on its own host, and why it would not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: silence_facts
short_description: Ask a service on its own host, and say whether what keeps it silent is its own
description:
  - Asks where a probe did, and where the service itself listens on that port, and watches its threads
    meanwhile. Looks only.
  - A service that is ready to run and gets no processor, that waits for a disk, that somebody debugs or has
    frozen, or whose port another service listens on, is no better for a restart.
options:
  unit:
    description: The systemd unit.
    type: str
    required: true
  probe:
    description: Where it does not answer, as a URL, or as tcp:// with host and port. Empty to ask nobody.
    type: str
    default: ""
  seconds:
    description: How long each question waits for an answer, and its threads are watched at least.
    type: float
    default: 5
author:
  - opsmend
"""

RETURN = r"""
answered:
  description: Where an answer came from; empty where none came. An error is an answer.
  type: str
  returned: always
hindered:
  description: What keeps it from answering, or why that cannot be told. Empty where it is the service itself.
  type: str
  returned: always
"""

import re
import socket
import ssl
import threading
import time

from ansible.module_utils import opsmend_proc as proc
from ansible.module_utils.basic import AnsibleModule

_PORTS = {"http": 80, "https": 443}
_PROBE = re.compile(r"(https?|tcp)://(\[[^\]]+\]|[^/:]+)(?::([0-9]+))?(/.*)?$")
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- addresses that others listen on
_EVERY_S = 0.1
_MOSTLY = 0.5
# they pass on what comes to a container, which another unit may have started
_FORWARDERS = {"docker-proxy", "rootlessport", "conmon", "slirp4netns", "pasta"}


def place_of(probe):
    """Return scheme, host, port (0 where a probe names none) and path. Raises ValueError for no probe."""
    match = _PROBE.match(probe)
    if not match:
        raise ValueError("%s is no probe" % probe)
    scheme, host, port, path = match.groups()
    return scheme, host.strip("[]"), int(port or _PORTS.get(scheme, 0)), path or "/"


def is_answered(scheme, name, address, port, path, seconds):
    """Return whether anything comes back; for tcp that a connection is taken."""
    try:
        with socket.create_connection((address, port), timeout=seconds) as plain:
            if scheme == "tcp":
                return True
            asking = _wrapped(plain, name) if scheme == "https" else plain
            asking.sendall(("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" % (path, name)).encode())
            return bool(asking.recv(1))
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, socket.timeout):
        return False
    except ssl.SSLError as error:
        # whoever refuses what is asked has answered; before Python 3.10 a time-out is one of these
        return "timed out" not in str(error)
    except OSError:
        return False


def _wrapped(plain, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=name)


def processes_of(group):
    """Return the processes of a control group, as systemd names it, and of those below it."""
    wanted = group.rstrip("/") + "/"
    return [
        pid
        for pid in proc.all_pids()
        for line in proc.read("/proc/%d/cgroup" % pid).splitlines()
        if wanted in line.split(":", 2)[-1] + "/"
    ]


def listeners(port, pids):
    """Return where these processes listen on a port, and the names of others that do."""
    places = proc.listening_places(port)
    own, others = set(), set()
    for pid in proc.all_pids():
        held = [places[inode] for inode in proc.socket_inodes(pid) if inode in places]
        if held and pid in pids:
            own.update(held)
        elif held and pid != 1 and proc.name_of(pid) not in _FORWARDERS:
            others.add(proc.unit_of(pid) or proc.name_of(pid))
    return sorted(own), sorted(others)


def look(pids):
    """Return by thread its state and its seconds of waiting for a processor, None where none are counted."""
    found = {}
    for pid in pids:
        waited = proc.waited_seconds(pid)
        for thread, state in proc.thread_states(pid).items():
            found[pid, thread] = state, waited.get(thread)
    return found


def watched(pids, asking, answered, seconds):
    """Return looks at processes with their times, until they are asked and, without answer, for so long."""
    looks = [(time.monotonic(), look(pids))]
    while asking.is_alive() or (not answered and looks[-1][0] - looks[0][0] < seconds):
        time.sleep(_EVERY_S)
        looks.append((time.monotonic(), look(pids)))
    return looks


def hindrance(looks):
    """Return what keeps these threads from answering beside themselves, or why that is not known; else ""."""
    (began, first), (ended, last) = looks[0], looks[-1]
    stayed = first.keys() & last.keys()
    told = [(first[one][1], last[one][1]) for one in stayed]
    if not told or any(None in pair for pair in told):
        return "nobody can tell whether it gets a processor: this kernel does not count how long threads wait"
    if any(last[one][0] == "t" for one in stayed):
        return "somebody debugs it"
    starved = sum(after - before for before, after in told) / (ended - began)
    blocked = max(share(one, looks) for one in stayed)
    if starved + blocked < _MOSTLY:
        return ""
    waits = min(starved, 1) * 100, blocked * 100
    return "its host keeps it waiting, %.0f%% of the time for a processor and %.0f%% for a disk" % waits


def share(thread, looks):
    """Return in which share of the looks a thread was in a wait that no signal ends."""
    return sum(thread in seen and seen[thread][0] == "D" for _, seen in looks) / len(looks)


def shown(module, unit):
    """Return the properties of a unit that matter here."""
    asked = "--property=ControlGroup,FreezerState"
    _, said, _ = module.run_command(["systemctl", "show", asked, unit], check_rc=True)
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "probe": {"type": "str", "default": ""},
            "seconds": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    unit, probe, seconds = (module.params[one] for one in ("unit", "probe", "seconds"))
    properties = shown(module, unit)
    pids = processes_of(properties["ControlGroup"]) if properties.get("ControlGroup") else []
    if properties.get("FreezerState", "running") != "running":
        module.exit_json(changed=False, answered="", hindered="somebody has frozen it")
    if not pids:
        module.exit_json(changed=False, answered="", hindered="no process belongs to it")
    try:
        answered, hindered = examine(pids, place_of(probe) if probe else None, seconds)
    except ValueError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, answered=answered, hindered=hindered)


def examine(pids, probed, seconds):
    """Return where an answer came from, and what keeps these processes from one; "" for nothing."""
    answered, own, others = [], [], []
    if probed:
        own, others = listeners(probed[2], pids)

    def ask():
        scheme, name, port, path = probed
        for place in [name] + [_ANY.get(one, one) for one in own]:
            if is_answered(scheme, name, place, port, path, seconds):
                answered.append("%s, port %d" % (place, port))
                return

    asking = threading.Thread(target=ask if probed else lambda: None, daemon=True)
    asking.start()
    looks = watched(pids, asking, answered, seconds)
    if answered:
        return answered[0], ""
    if others and not own:
        return "", "%s listens on port %d, and it does not" % (", ".join(others), probed[2])
    return "", hindrance(looks)


if __name__ == "__main__":
    main()
