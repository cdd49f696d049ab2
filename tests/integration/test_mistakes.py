"""Whatever a person can do wrong on the command line is a line and a documented exit code, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OPSMEND = Path(sys.executable).parent / "opsmend"
DOCUMENTED = {1, 2, 3, 4, 5, 6, 7, 78}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("mistakes")
    (made / "good.yml").write_text(f"agent: {{state_dir: {made}/state, runtime_dir: {made}/run}}\n")
    (made / "binary.yml").write_bytes(b"agent: \x00\xff")
    (made / "list.yml").write_text("- a\n")
    (made / "state").mkdir()
    (made / "state" / "opsmend.db").write_bytes(b"no database at all" * 100)
    (made / "broken.csv").write_text("timestamp,a\n1,x\n")
    return made


@pytest.mark.parametrize(
    "line",
    [
        "status -c .",
        "status -c binary.yml",
        "check -c list.yml",
        "status -c nowhere/opsmend.yml",
        "incidents -c good.yml",
        "incident 99999999999999999999 -c good.yml",
        "incidents --state nonsense -c good.yml",
        "report --since never -c good.yml",
        "reload -c good.yml",
        "config show no.such.key -c good.yml",
        "models show -c good.yml",
        "detect broken.csv -o nowhere/scores.csv",
        "diagnose nowhere",
        "logs templates good.yml -o /dev/full",
        "playbooks show nothing",
        "rules test nowhere.yml",
    ],
)
def test_a_mistake_is_told_and_has_a_code(folder, line):
    done = subprocess.run(
        [OPSMEND, *line.split()], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in DOCUMENTED, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "unforeseen" not in done.stderr
    assert (done.stdout + done.stderr).strip()


def test_a_full_disk_under_the_output_is_told(folder):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [OPSMEND, "config", "show", "-c", "good.yml"],
            cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(folder):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [OPSMEND, "config", "show", "-c", "good.yml"],
        cwd=folder, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
