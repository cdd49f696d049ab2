#!/usr/bin/python
"""Ansible module: what Postfix has put off, and why."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_queue
short_description: Say how many mails Postfix has put off, which are the youngest, and why
description:
  - Asks C(postqueue -j), which Postfix has since 3.1. Says no address of anybody. Looks only.
options:
  youngest:
    description: How many of the youngest are named.
    type: int
    default: 5
author:
  - opsmend
"""

RETURN = r"""
deferred:
  description: How many mails were put off; what somebody holds back is not among them.
  type: int
  returned: always
youngest:
  description: Queue ids of the youngest of them.
  type: list
  elements: str
  returned: always
reasons:
  description: The most frequent reasons, with how many recipients wait for each.
  type: list
  elements: str
  returned: always
"""

import collections
import json
import re

from ansible.module_utils.basic import AnsibleModule

_REASONS = 3
_LONGEST = 300  # characters of a reason, which strangers write
_ADDRESS = re.compile(r"<[^<>\s]*@[^<>\s]*>")


def deferred(listed):
    """Return the mails that were put off of what postqueue -j says. Raises ValueError for what is none."""
    mails = [json.loads(line) for line in listed.splitlines() if line.strip()]
    return [mail for mail in mails if mail["queue_name"] == "deferred"]


def youngest(mails, count):
    """Return the queue ids of the mails that came last."""
    newest = sorted(mails, key=lambda mail: mail["arrival_time"], reverse=True)
    return [mail["queue_id"] for mail in newest[:count]]


def reasons(mails):
    """Return why most recipients wait, the most frequent reason first."""
    counted = collections.Counter(
        _ADDRESS.sub("<...>", recipient.get("delay_reason", "nothing said"))[:_LONGEST]
        for mail in mails
        for recipient in mail.get("recipients", [])
    )
    return ["%s (%d)" % one for one in counted.most_common(_REASONS)]


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"youngest": {"type": "int", "default": 5}}, supports_check_mode=True
    )
    _, listed, _ = module.run_command(["postqueue", "-j"], check_rc=True)
    try:
        mails = deferred(listed)
        newest, why = youngest(mails, module.params["youngest"]), reasons(mails)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        module.fail_json(msg="what postqueue -j says cannot be read: %r" % error)
    module.exit_json(changed=False, deferred=len(mails), youngest=newest, reasons=why)


if __name__ == "__main__":
    main()
