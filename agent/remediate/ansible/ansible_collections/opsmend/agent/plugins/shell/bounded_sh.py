"""Module commands that carry the run's id in their environment and end by themselves."""

from __future__ import annotations

DOCUMENTATION = """
name: bounded_sh
short_description: POSIX shell whose module commands are marked and bounded in time
description:
  - Ansible kills only its own side when a task is cancelled; what runs on the managed host goes on.
  - This plugin puts the id of the opsmend run into the environment of every module it starts, so that
    leftovers can be found, and starts it under timeout(1), so that it ends even if nobody looks.
extends_documentation_fragment:
  - shell_common
"""

import os
import shlex

from ansible.plugins.shell.sh import ShellModule as PosixShell


class ShellModule(PosixShell):  # type: ignore[misc]
    """sh, with ``OPSMEND_RUN=ID timeout SECONDS`` before every module command."""

    def build_module_command(
        self, env_string: str, shebang: str | None, cmd: str, arg_path: str | None = None
    ) -> str:
        command = super().build_module_command("", shebang, cmd, arg_path)
        run = shlex.quote(os.environ["OPSMEND_RUN"])
        seconds = int(os.environ["OPSMEND_STEP_SECONDS"])
        return f"{env_string.strip()} OPSMEND_RUN={run} timeout -k 5 {seconds} {command}".strip()
