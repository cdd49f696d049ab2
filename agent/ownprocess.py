"""A module of ours in, run in a process of its own for at most a time, what it said out."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from agent.environment import own_python


def run_own(
    module: str,
    *arguments: str,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Run a module to its end, and end it with all that it started when it takes too long.

    What it loads of the operator's, as an inventory script, may hang; ended alone, the module would leave
    that behind, one at each try. Raises subprocess.TimeoutExpired, OSError.
    """
    command = own_python(module, *arguments)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd="/",
        start_new_session=True,
    ) as process:
        try:
            said, complained = process.communicate(given, timeout=timeout_s)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    return subprocess.CompletedProcess(command, process.returncode, said, complained)
