#!/usr/bin/python
"""Ansible module: whether a resolver answers a question."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_question
short_description: Ask a resolver a question, and say whether it answers
description:
  - Asks over UDP for the name servers of the root, as RFC 1035 writes it. A refusal is an answer.
    Looks only.
options:
  server:
    description: Who is asked, as a host, or a host and a port.
    type: str
    required: true
  seconds:
    description: How long to wait; it is asked three times in that.
    type: float
    default: 6
author:
  - opsmend
"""

RETURN = r"""
answered:
  description: Whether an answer to the question came.
  type: bool
  returned: always
"""

import re
import socket
import struct

from ansible.module_utils.basic import AnsibleModule

_TRIES = 3
_NUMBER = 0x6F70
_QUESTION = struct.pack("!6H", _NUMBER, 0x0100, 1, 0, 0, 0) + b"\0" + struct.pack("!2H", 2, 1)
_IS_ANSWER = 0x80


def place_of(server):
    """Return "host", "host:port" or "[v6]:port" as host and port."""
    match = re.match(r"\[(.+)\](?::(\d+))?$|([^:]+):(\d+)$", server)
    if not match:
        return server.strip("[]"), 53
    return match.group(1) or match.group(3), int(match.group(2) or match.group(4) or 53)


def is_answered(host, port, seconds):
    """Return whether an answer came back from one of the addresses of a host."""
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
        with socket.socket(family, kind, protocol) as asking:
            asking.settimeout(seconds / _TRIES)
            for _ in range(_TRIES):
                try:
                    asking.connect(address)
                    asking.send(_QUESTION)
                    said = asking.recv(512)
                except OSError:
                    continue
                if len(said) > 2 and said[:2] == _QUESTION[:2] and said[2] & _IS_ANSWER:
                    return True
    return False


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str", "required": True},
            "seconds": {"type": "float", "default": 6},
        },
        supports_check_mode=True,
    )
    host, port = place_of(module.params["server"])
    try:
        answered = is_answered(host, port, module.params["seconds"])
    except OSError as error:
        module.fail_json(msg="%s: %s" % (host, error))
    module.exit_json(changed=False, answered=answered)


if __name__ == "__main__":
    main()
