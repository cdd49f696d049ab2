#!/usr/bin/python
"""Ansible module: how many processes are zombies, and whose children they are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: zombie_facts
short_description: Say how many processes are zombies, and whose children they are
description:
  - A zombie has ended, and its parent has not asked how. Looks only.
options: {}
author:
  - opsmend
"""

RETURN = r"""
zombies:
  description: How many there are.
  type: int
  returned: always
parents:
  description: Their parents as process_facts describes them, with zombies, those that have most first.
  type: list
  elements: dict
  returned: always
"""

import collections

from ansible.module_utils import opsmend_proc as proc
from ansible.module_utils.basic import AnsibleModule

_MOST_PARENTS = 10


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    children = collections.Counter()
    for pid in proc.all_pids():
        fields = proc.fields_of(pid)
        if fields and fields[0] == "Z":
            children[int(fields[1])] += 1
    parents = []
    for pid, count in children.most_common(_MOST_PARENTS):
        described = proc.describe(pid)
        if described is not None:
            parents.append(dict(described, zombies=count))
    module.exit_json(changed=False, zombies=sum(children.values()), parents=parents)


if __name__ == "__main__":
    main()
