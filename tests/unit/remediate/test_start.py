"""Our way to start ansible-playbook is ansible-playbook."""

import json
import os
import subprocess
import sys
from pathlib import Path

from agent.remediate.environment import ANSIBLE_FOLDER


def version(*command: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [*command, "--version"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "executable location" not in line]


def test_it_says_of_itself_what_the_command_says(tmp_path):
    job = tmp_path / "job.json"
    names = ("targets", "companions", "where", "playbooks", "roots", "approved", "vaulted", "names")
    job.write_text(
        json.dumps(
            {
                "mark": "m",
                "seconds": 1,
                "report": str(tmp_path / "report"),
                "secret_names": "x",
                **{one: [] for one in names},
            }
        )
    )
    ours = version(sys.executable, "-P", str(ANSIBLE_FOLDER / "ansible-playbook"), OPSMEND_JOB=str(job))
    assert ours == version(str(Path(sys.executable).parent / "ansible-playbook"))
    assert ours[0].startswith("ansible-playbook [core ")
