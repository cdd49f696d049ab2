#!/usr/bin/python
"""Ansible module: a few mails tried now, and what became of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_trial
short_description: Let Postfix try a few mails, and say what it logs of them
description:
  - Asks with C(postqueue -i) for one after another, until one was sent or comes back to its sender, and reads
    what became of them from the file that Postfix logs to (C(maillog_file)), where it has none from the
    journal and the files that syslog usually writes. What is logged nowhere there was not seen to be sent.
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
logged:
  description: Where something was logged of them; empty when it was nowhere.
  type: list
  elements: str
  returned: always
read:
  description: Where it was looked for.
  type: list
  elements: str
  returned: always
"""

import collections
import os
import re
import stat
import time

from ansible.module_utils.basic import AnsibleModule

_LINE = re.compile(r"([0-9A-Za-z]+): .*\bstatus=(sent|bounced|expired|deferred) \((.*)\)")
# what syslog writes before it: a time of either kind, the host, and one of Postfix' programs
_BEFORE = re.compile(r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\S+) \S+ [\w.-]+(?:/[\w.-]+)+\[\d+\]: ")
_JOURNAL, _FILES = "journal", ("/var/log/mail.log", "/var/log/maillog")
_MOST_BYTES = 1 << 22  # of a file's end; in the time of a trial hardly any writes more
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


def size_of(path):
    """Return inode and size of a file, or None where there is none that could be read to its end."""
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return (seen.st_ino, seen.st_size) if stat.S_ISREG(seen.st_mode) else None


def written(path, before):
    """Return what was logged to a file since it had this inode and size (None: it was not there)."""
    now = size_of(path)
    if now is None:
        return ""
    begin = before[1] if before and before[0] == now[0] and before[1] <= now[1] else 0
    try:
        with open(path, errors="replace") as stream:
            stream.seek(max(begin, now[1] - _MOST_BYTES))
            lines = stream.read().splitlines()
    except OSError:
        return ""
    heads = [_BEFORE.match(line) for line in lines]
    return "\n".join(head.string[head.end() :] for head in heads if head)


class Logs:
    """Where Postfix logs, read from the moment on at which this is made."""

    def __init__(self, module):
        _, said, _ = module.run_command(["postconf", "-h", "maillog_file"])
        own = said.strip()
        self._module = module
        self._files = {path: size_of(path) for path in ([own] if own else _FILES)}
        self._since = None if own else "--since=@%d" % time.time()
        self.places = [*([] if own else [_JOURNAL]), *self._files]

    def outcomes(self, ids):
        """Return how these mails ended, by queue id, what was said of one not sent, and where that stands."""
        ended, why, places = collections.defaultdict(set), "", []
        for place in self.places:
            found, said = outcomes(self._read(place), ids)
            for one, ways in found.items():
                ended[one] |= ways
            why = said or why
            if found:
                places.append(place)
        return ended, why, places

    def _read(self, place):
        if place != _JOURNAL:
            return written(place, self._files[place])
        asked = ["journalctl", "--no-pager", "--quiet", "--output=cat", self._since, _MAIL_FACILITY]
        return self._module.run_command(asked)[1]


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "ids": {"type": "list", "elements": "str", "required": True},
            "seconds": {"type": "int", "default": 90},
        },
        supports_check_mode=True,
    )
    ids, logs = module.params["ids"], Logs(module)
    deadline = time.monotonic() + module.params["seconds"]
    tried, seen, why, places = [], set(), "", []
    for one in [] if module.check_mode else ids:
        module.run_command(["postqueue", "-i", one], check_rc=True)
        tried.append(one)
        ended = {}
        while one not in ended and time.monotonic() < deadline:
            time.sleep(1)
            ended, why, places = logs.outcomes(tried)
        seen = set().union(*ended.values())
        if seen & _DECIDES or time.monotonic() >= deadline:
            break
    module.exit_json(
        changed=bool(ids) if module.check_mode else bool(tried),
        tried=len(tried),
        sent="sent" in seen,
        bounced=bool(seen & _CAME_BACK),
        why=why,
        logged=places,
        read=logs.places,
    )


if __name__ == "__main__":
    main()
