#!/usr/bin/python
"""Ansible module: drain a server of an HAProxy backend, or give work back to one that was drained."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_server
short_description: Drain a server of an HAProxy backend, or return it
description:
  - A drained server finishes what it has and gets nothing new. A mark on the host says that it was drained
    by this module, and only such a server is returned.
  - One at a time is drained for each backend, and never so many that too few are left.
options:
  socket:
    description: HAProxy's runtime socket, with level admin.
    type: path
    required: true
  proxy:
    description: The backend.
    type: str
    required: true
  server:
    description: The server.
    type: str
    required: true
  state:
    description: What it is to be.
    type: str
    choices: [drained, ready]
    required: true
  healthy_share:
    description: Share of the backend's servers that must still take work afterwards; at least one always.
    type: float
    default: 0.5
  marks:
    description: Where the marks are.
    type: path
    required: true
author:
  - opsmend
"""

RETURN = r"""
was:
  description: How HAProxy held the server before.
  type: str
  returned: always
why:
  description: Why nothing was to be done, or what was done.
  type: str
  returned: always
"""

import os
import time

from ansible.module_utils import opsmend_haproxy as haproxy
from ansible.module_utils.basic import AnsibleModule


def objection(server, others, marked, share):
    """Return why a server must not be drained, or nothing."""
    drained = [row["svname"] for row in others if row["svname"] in marked and not haproxy.takes_work(row)]
    if drained:
        return "%s is drained already, and one at a time is enough" % ", ".join(drained)
    left = sum(haproxy.takes_work(row) for row in others)
    if left < 1 or left < share * (len(others) + 1):
        return "without %s only %d of %d servers would take work" % (server, left, len(others) + 1)
    return ""


def drain(module, path, mark, row, others):
    """Drain a server. Returns whether that changed anything, and why."""
    proxy, server = module.params["proxy"], module.params["server"]
    if not haproxy.takes_work(row):
        return False, "%s takes no work already: %s" % (server, row["status"])
    folder = module.params["marks"]
    names = os.listdir(folder) if os.path.isdir(folder) else []
    marked = [name.rpartition("@")[2] for name in names if name.rpartition("@")[0] == proxy]
    against = objection(server, others, marked, module.params["healthy_share"])
    if against:
        raise haproxy.HaproxyError(against)
    if not module.check_mode:
        # the mark comes first: without it a drained server would stay drained for ever
        os.makedirs(folder, exist_ok=True)
        with open(mark, "w") as stream:
            stream.write("%d\n" % time.time())
        try:
            haproxy.order(path, "set server %s/%s state drain" % (proxy, server))
        except haproxy.HaproxyError:
            os.unlink(mark)
            raise
    return True, "%s gets no new work" % server


def give_back(module, path, mark, row):
    """Give a server work again. Returns whether that changed anything, and why."""
    server = module.params["server"]
    if not os.path.exists(mark):
        return False, "%s was not drained by opsmend" % server
    if not haproxy.passes_check(row):
        raise haproxy.HaproxyError("%s still fails its health check: %s" % (server, row["check_status"]))
    if not module.check_mode:
        haproxy.order(path, "set server %s/%s state ready" % (module.params["proxy"], server))
        os.unlink(mark)
    return True, "%s gets work again" % server


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "required": True},
            "proxy": {"type": "str", "required": True},
            "server": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "ready"], "required": True},
            "healthy_share": {"type": "float", "default": 0.5},
            "marks": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    path, proxy, server = (module.params[name] for name in ("socket", "proxy", "server"))
    mark = os.path.join(module.params["marks"], "%s@%s" % (proxy, server))
    was = ""
    try:
        _, rows = haproxy.backend(path, proxy)
        row = next((one for one in rows if one["svname"] == server), None)
        if row is None:
            raise haproxy.HaproxyError("backend '%s' has no server '%s'" % (proxy, server))
        was = row["status"]
        if module.params["state"] == "drained":
            others = [one for one in rows if one is not row]
            changed, why = drain(module, path, mark, row, others)
        else:
            changed, why = give_back(module, path, mark, row)
    except haproxy.HaproxyError as error:
        module.fail_json(msg=str(error), was=was, why="")
    module.exit_json(changed=changed, was=was, why=why)


if __name__ == "__main__":
    main()
