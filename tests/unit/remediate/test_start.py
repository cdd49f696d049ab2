"""Our way to start ansible-playbook is ansible-playbook."""

import subprocess
import sys
from pathlib import Path

from agent.remediate.environment import ANSIBLE_FOLDER


def version(*command: str) -> list[str]:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=True)
    return [line for line in done.stdout.splitlines() if "executable location" not in line]


def test_it_says_of_itself_what_the_command_says():
    ours = version(sys.executable, str(ANSIBLE_FOLDER / "ansible-playbook"))
    assert ours == version(str(Path(sys.executable).parent / "ansible-playbook"))
    assert ours[0].startswith("ansible-playbook [core ")
