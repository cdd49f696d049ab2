"""The packaged unit shows the agent of /proc only processes: what a crash has left is ended there too."""

import os
import subprocess
import sys
import time

import pytest

CODE = """
import subprocess, sys
from agent.remediate.localreaping import reap_here
left = subprocess.Popen(["sleep", "60"], env={"OPSMEND_RUN": "mark-1", "PATH": "/usr/bin:/bin"})
reap_here("mark-1")
sys.exit(left.wait(10) == 0)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.call(["unshare", "--mount", "true"]) != 0, reason="nobody may mount here"
)
def test_what_a_crash_left_is_ended_where_proc_holds_nothing_but_processes():
    mounted = 'mount -t proc -o subset=pid proc /proc && ! test -e /proc/uptime && exec "$@"'
    began = time.monotonic()
    subprocess.run(["unshare", "--mount", "sh", "-c", mounted, "sh", sys.executable, "-c", CODE], check=True)
    assert time.monotonic() - began < 30
