#!/usr/bin/python
"""Ansible module: a few mails tried now, and what became of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_trial
short_description: Let Postfix try a few mails, and say what it logs of them
description:
  - Asks with C(postqueue -i) for each, and reads from the journal what became of them. What is not logged
    there was not seen to be sent.
options:
  ids:
    description: Queue ids of the mails.
    type: list
    elements: str
    required: true
  seconds:
    description: How long to wait for them. A relay that does not answer at all takes half a minute.
    type: int
    default: 90
author:
  - opsmend
"""

RETURN = r"""
sent:
  description: How many of the mails were sent.
  type: int
  returned: always
bounced:
  description: How many went back to their sender.
  type: int
  returned: always
why:
  description: What was said of the last one that was not sent.
  type: str
  returned: always
"""

import collections
import re
import time

from ansible.module_utils.basic import AnsibleModule

_LINE = re.compile(r"([0-9A-Za-z]+): .*\bstatus=(sent|bounced|expired|deferred) \((.*)\)")
_CAME_BACK = {"bounced", "expired"}
_ADDRESS = re.compile(r"<[^<>\s]*@[^<>\s]*>")
_MAIL_FACILITY = "SYSLOG_FACILITY=2"
_LONGEST = 300  # characters of what strangers say


def outcomes(logged, ids):
    """Return by queue id how these mails ended, one word a recipient, and what was said of one not sent."""
    ended, why = collections.defaultdict(set), ""
    for line in logged.splitlines():
        match = _LINE.match(line)
        if match and match.group(1) in ids:
            ended[match.group(1)].add(match.group(2))
            if match.group(2) != "sent":
                why = _ADDRESS.sub("<...>", match.group(3))[:_LONGEST]
    return ended, why


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "ids": {"type": "list", "elements": "str", "required": True},
            "seconds": {"type": "int", "default": 90},
        },
        supports_check_mode=True,
    )
    ids = module.params["ids"]
    if module.check_mode:
        module.exit_json(changed=bool(ids), sent=0, bounced=0, why="")
    since = "--since=@%d" % time.time()
    for one in ids:
        module.run_command(["postqueue", "-i", one], check_rc=True)
    ended, why = {}, ""
    deadline = time.monotonic() + module.params["seconds"]
    while len(ended) < len(ids) and time.monotonic() < deadline:
        time.sleep(1)
        _, logged, _ = module.run_command(
            ["journalctl", "--no-pager", "--quiet", "--output=cat", since, _MAIL_FACILITY]
        )
        ended, why = outcomes(logged, ids)
    sent = [one for one in ended.values() if "sent" in one]
    bounced = [one for one in ended.values() if one & _CAME_BACK]
    module.exit_json(changed=bool(ids), sent=len(sent), bounced=len(bounced), why=why)


if __name__ == "__main__":
    main()
