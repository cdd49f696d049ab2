"""Every unit of ours, that of the root helper on hosts too, is locked in by systemd as far as it can be."""

import shutil
import subprocess

import pytest

MOST = 30  # tenths: 3.0 of systemd-analyze's 10, which is a unit that nothing holds
UNITS = {
    "opsmend.service": "packaging/systemd",
    "opsmend-host-metrics.service": "playbooks/roles/host_metrics/files",
}


def test_there_is_no_unit_that_nobody_judges(root):
    written = [file for folder in ("packaging", "playbooks") for file in (root / folder).rglob("*.service")]
    own = {file.name for file in written if file.name.startswith("opsmend")}
    assert own == set(UNITS)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_of_ours_leaves_little_open(root, name):
    file = root / UNITS[name] / name
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    done = subprocess.run([*command, f"--threshold={MOST}", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
    bare = file.read_text().split("ProtectSystem=")[0]
    assert "Overall exposure level" in done.stdout
    assert bare != file.read_text()


def test_the_judge_knows_an_open_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd here")
    file = tmp_path / "open.service"
    file.write_text("[Service]\nExecStart=/bin/true\n")
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST}", file]
    assert subprocess.run(command, capture_output=True).returncode != 0
