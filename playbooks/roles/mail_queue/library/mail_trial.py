#!/usr/bin/python
"""Ansible module: a few mails tried now, and what became of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_trial
short_description: Let Postfix try a few mails, and say what it logs of them
description:
  - Asks with C(postqueue -i) for one after another, until one was sent or comes back to its sender, and reads
    from the journal what became of them. What is not logged there was not seen to be sent.
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
tried:
  description: How many of the mails were tried.
  type: int
  returned: always
sent:
  description: Whether one was sent.
  type: bool
  returned: always
bounced:
  description: Whether one came back to its sender.
  type: bool
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
_DECIDES = {"sent", *_CAME_BACK}
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
        module.exit_json(changed=bool(ids), tried=0, sent=False, bounced=False, why="")
    since = "--since=@%d" % time.time()
    deadline = time.monotonic() + module.params["seconds"]
    tried, seen, why = [], set(), ""

    def look():
        _, logged, _ = module.run_command(
            ["journalctl", "--no-pager", "--quiet", "--output=cat", since, _MAIL_FACILITY]
        )
        return outcomes(logged, tried)

    for one in ids:
        module.run_command(["postqueue", "-i", one], check_rc=True)
        tried.append(one)
        ended = {}
        while one not in ended and time.monotonic() < deadline:
            time.sleep(1)
            ended, why = look()
        seen = set().union(*ended.values())
        if seen & _DECIDES or time.monotonic() >= deadline:
            break
    module.exit_json(
        changed=bool(tried), tried=len(tried), sent="sent" in seen, bounced=bool(seen & _CAME_BACK), why=why
    )


if __name__ == "__main__":
    main()
