#!/usr/bin/python
"""Ansible module: free the connections of an HAProxy backend that are held for longest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_sessions
short_description: End the sessions that hold an exhausted backend
description:
  - Does something only while requests wait because the connections of the servers are in use. Ends the
    oldest sessions until enough connections are free, and none that is young.
  - When all are young the backend has too few connections for its load; then nothing is ended.
options:
  socket:
    description: HAProxy's runtime socket, with level admin.
    type: path
    required: true
  proxy:
    description: The backend.
    type: str
    required: true
  exhausted_share:
    description: Share of the connections in use from which on there is something to do.
    type: float
    default: 0.95
  wanted_share:
    description: Share of the connections that may be in use afterwards.
    type: float
    default: 0.5
  young_seconds:
    description: Sessions younger than this are let be.
    type: int
    default: 30
author:
  - opsmend
"""

RETURN = r"""
in_use:
  description: Connections in use before.
  type: int
  returned: always
limit:
  description: Connections there are.
  type: int
  returned: always
ended:
  description: Sessions that were ended, the oldest first, with id, source, server and age in seconds.
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils import opsmend_haproxy as haproxy
from ansible.module_utils.basic import AnsibleModule


def number(text):
    """Return a field of "show stat" as a number; an empty one counts nothing."""
    return int(text or 0)


def choose(held, in_use, limit, wanted_share, young_seconds):
    """Return the sessions to end, the oldest first."""
    old = sorted((one for one in held if one["age"] >= young_seconds), key=lambda one: -one["age"])
    return old[: max(0, in_use - int(limit * wanted_share))]


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "required": True},
            "proxy": {"type": "str", "required": True},
            "exhausted_share": {"type": "float", "default": 0.95},
            "wanted_share": {"type": "float", "default": 0.5},
            "young_seconds": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    path, proxy = module.params["socket"], module.params["proxy"]
    try:
        summary, rows = haproxy.backend(path, proxy)
        limited = [row for row in rows if number(row["slim"])]
        limit = sum(number(row["slim"]) for row in limited)
        in_use = sum(number(row["scur"]) for row in limited)
        exhausted = limit and in_use >= limit * module.params["exhausted_share"] and number(summary["qcur"])
        if not exhausted:
            module.exit_json(changed=False, in_use=in_use, limit=limit, ended=[])
        held = haproxy.sessions(path, proxy)
        ended = choose(held, in_use, limit, module.params["wanted_share"], module.params["young_seconds"])
        if not ended:
            module.fail_json(
                msg="all %d connections are in use, none for %d seconds or longer: %s has too few of them"
                % (limit, module.params["young_seconds"], proxy)
            )
        for one in [] if module.check_mode else ended:
            haproxy.ask(path, "shutdown session %s" % one["id"])
    except haproxy.HaproxyError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, in_use=in_use, limit=limit, ended=ended)


if __name__ == "__main__":
    main()
