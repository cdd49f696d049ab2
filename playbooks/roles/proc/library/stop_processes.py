#!/usr/bin/python
"""Ansible module: stop processes that were found before."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stop_processes
short_description: Stop processes that process_facts found
description:
  - Sends SIGTERM, and SIGKILL to what is still there after a grace time.
  - A process that has ended meanwhile counts as stopped, and its successor under the same id is left alone.
options:
  processes:
    description: What process_facts returned; pid and started are read.
    type: list
    elements: dict
    required: true
  grace_seconds:
    description: How long a process may take to end by itself.
    type: int
    default: 5
author:
  - opsmend
"""

RETURN = r"""
pids:
  description: Processes that were stopped.
  type: list
  elements: int
  returned: always
"""

from ansible.module_utils import opsmend_proc as proc
from ansible.module_utils.basic import AnsibleModule


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "processes": {"type": "list", "elements": "dict", "required": True},
            "grace_seconds": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    wanted = [(int(one["pid"]), str(one["started"])) for one in module.params["processes"]]
    running = [(pid, started) for pid, started in wanted if pid > 1 and proc.start_of(pid) == started]
    pids = [pid for pid, _ in running]
    if running and not module.check_mode:
        left = proc.stop(running, module.params["grace_seconds"])
        if left:
            module.fail_json(msg="processes did not end: %s" % left, pids=pids)
    module.exit_json(changed=bool(running), pids=pids)


if __name__ == "__main__":
    main()
