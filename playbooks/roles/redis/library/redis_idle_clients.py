#!/usr/bin/python
"""Ansible module: connections that one client of a Redis has taken and does not use, closed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_idle_clients
short_description: Close idle connections of the address that has most of them
description:
  - Closes connections that have been idle for long, of the one address that has at least half of all. What
    waits for something, listens for messages, is in a transaction or belongs to a replica is not idle.
  - Does nothing while there are connections left, and where no address stands out.
options:
  port:
    description: Where the Redis listens on this host.
    type: int
    default: 6379
  password:
    description: Password, when it asks for one.
    type: str
    default: ""
  idle_seconds:
    description: How long a connection must have been idle.
    type: int
    default: 300
  enough_ratio:
    description: Share of the connections that may be in use on a Redis that needs no help.
    type: float
    default: 0.8
author:
  - opsmend
"""

RETURN = r"""
address:
  description: Whose connections were closed; empty when none were.
  type: str
  returned: always
closed:
  description: How many were closed.
  type: int
  returned: always
used:
  description: How many connections there were.
  type: int
  returned: always
most:
  description: How many there can be.
  type: int
  returned: always
"""

import collections

from ansible.module_utils.basic import AnsibleModule

_NORMAL = "N"  # no replica, no subscriber, in no transaction, not blocked


def parsed(listed):
    """Return each client of what CLIENT LIST says as its fields."""
    rows = (line.split(" ") for line in listed.splitlines() if line.startswith("id="))
    return [dict(field.split("=", 1) for field in row if "=" in field) for row in rows]


def hoarded(clients, idle_seconds):
    """Return the address that has at least half of all connections idle, and their ids; ("", []) for none."""
    idle = collections.defaultdict(list)
    for client in clients:
        if client.get("flags") == _NORMAL and int(client.get("idle", 0)) >= idle_seconds:
            idle[client["addr"].rpartition(":")[0]].append(client["id"])
    address = max(idle, key=lambda one: len(idle[one]), default="")
    return (address, idle[address]) if address and len(idle[address]) * 2 >= len(clients) else ("", [])


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "default": 6379},
            "password": {"type": "str", "default": "", "no_log": True},
            "idle_seconds": {"type": "int", "default": 300},
            "enough_ratio": {"type": "float", "default": 0.8},
        },
        supports_check_mode=True,
    )

    def ask(*words):
        if module.params["password"]:
            module.run_command_environ_update = {"REDISCLI_AUTH": module.params["password"]}
        done, said, wrong = module.run_command(["redis-cli", "-p", str(module.params["port"]), *words])
        if done != 0 or said.startswith(("ERR", "NOAUTH", "Could not")):
            module.fail_json(msg="redis-cli %s: %s" % (words[0], (wrong or said).strip()))
        return said

    clients = parsed(ask("CLIENT", "LIST"))
    most = int(ask("CONFIG", "GET", "maxclients").split()[-1])
    address, ids = hoarded(clients, module.params["idle_seconds"])
    if len(clients) <= most * module.params["enough_ratio"]:
        address, ids = "", []
    if not module.check_mode:
        for one in ids:
            ask("CLIENT", "KILL", "ID", one)
    module.exit_json(changed=bool(ids), address=address, closed=len(ids), used=len(clients), most=most)


if __name__ == "__main__":
    main()
