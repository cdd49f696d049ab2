#!/usr/bin/python
"""Ansible module: remove a lock file whose process is gone, and no other."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stale_lock
short_description: Remove the lock file of a process that is gone
description:
  - Removes a small regular file that names a process which has ended, or which began after the lock was
    written and so only has the same number, when nobody has it open.
  - Whoever owns the folder can put links, pipes or other files in the way; nothing of that is followed,
    waited for or removed.
options:
  path:
    description: The lock file.
    type: path
    required: true
author:
  - opsmend
"""

RETURN = r"""
says:
  description: What stands first in the lock.
  type: str
  returned: when there is one
pid:
  description: The process that it names; 0 when it names none.
  type: int
  returned: when there is one
written_at:
  description: When it was written, in unix seconds.
  type: float
  returned: when there is one
owner:
  description: The process of that number, as process_facts describes it, or null.
  type: dict
  returned: when there is one
holders:
  description: Processes that have it open.
  type: list
  elements: dict
  returned: when there is one
"""

import os

from ansible.module_utils import opsmend_files as files
from ansible.module_utils import opsmend_proc as proc
from ansible.module_utils.basic import AnsibleModule

_MOST_BYTES = 4096
_SLACK_S = 2  # between the start of a program and its lock


def look(path):
    """Return what a lock says, who that is and who has it open. Raises OSError."""
    said, seen = files.read_little(path, _MOST_BYTES)
    if seen.st_size >= _MOST_BYTES:
        raise OSError("%s is too large for a lock" % path)
    first = (said.split() or [b""])[0][:64]
    number = int(first) if first.isdigit() else 0  # of bytes: 0 to 9, and nothing else
    holders = [pid for pid in proc.all_pids() if list(proc.flags_of(pid, seen.st_dev, seen.st_ino))]
    return seen, {
        "says": first.decode("utf-8", "replace"),
        "pid": number,
        "written_at": seen.st_mtime,
        "owner": proc.describe(number) if number > 1 else None,
        "holders": [one for one in map(proc.describe, holders) if one],
    }


def objection(found):
    """Return why a lock must stay, or nothing."""
    if found["pid"] < 2:
        return "it names no process, so only its owner knows whether it is held"
    if found["holders"]:
        return "%(name)s (pid %(pid)d) has it open" % found["holders"][0]
    owner = found["owner"]
    if owner and owner["started_at"] <= found["written_at"] + _SLACK_S:
        return "%(name)s (pid %(pid)d), which it names, is alive" % owner
    return ""


def remove(path, seen):
    """Remove the lock that was seen. Raises OSError when another file is in its place."""
    with files.root_folder(os.path.dirname(path)) as folder:
        name = os.path.basename(path)
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if (now.st_dev, now.st_ino) != (seen.st_dev, seen.st_ino):
            raise OSError("%s is another file than a moment ago" % path)
        os.unlink(name, dir_fd=folder)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True
    )
    path = module.params["path"]
    try:
        seen, found = look(path)
        against = objection(found)
        if against:
            module.fail_json(msg="%s stays: %s; people have to look" % (path, against), **found)
        if not module.check_mode:
            remove(path, seen)
    except FileNotFoundError:
        module.exit_json(changed=False)
    except OSError as error:
        module.fail_json(msg="%s stays: %s; people have to look" % (path, error))
    module.exit_json(changed=True, **found)


if __name__ == "__main__":
    main()
