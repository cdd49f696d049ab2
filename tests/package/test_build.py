"""What is built: the same each time, small, and by Debian's rules."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile

import pytest
from typer.main import get_command

from agent.cli.main import app
from tests.package import ROOT

pytestmark = pytest.mark.package

MOST_MB = 350


@pytest.fixture(scope="module")
def core(packages):
    (file,) = packages.glob("opsmend_*.deb")
    return file


def test_two_builds_are_equal_byte_for_byte(core, tmp_path):
    command = [sys.executable, ROOT / "packaging/build/package.py", "--output", tmp_path, "--extras"]
    subprocess.run([*command, "--work", tmp_path / "elsewhere"], check=True)
    first, second = (hashlib.sha256(file.read_bytes()).hexdigest() for file in (core, tmp_path / core.name))
    assert first == second


def test_the_core_is_small_enough(core):
    size = int(
        subprocess.run(["dpkg-deb", "-f", core, "Installed-Size"], capture_output=True, check=True).stdout
    )
    print(f"installed size of the core: {size / 1024:.0f} MB")
    assert size / 1024 <= MOST_MB


def test_lintian_finds_no_error(core):
    done = subprocess.run(
        ["lintian", "--fail-on", "error", core], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if line.startswith("E"))


def test_every_command_has_a_page_and_every_shell_its_completion(core):
    done = subprocess.run(["dpkg-deb", "-c", core], capture_output=True, text=True, check=True)
    files = {line.split()[5].removeprefix("./") for line in done.stdout.splitlines()}
    commands = [name for name, one in get_command(app).commands.items() if not one.hidden]
    assert {f"usr/share/man/man1/opsmend-{name}.1.gz" for name in commands} <= files
    assert {
        "usr/share/man/man1/opsmend.1.gz", "usr/share/man/man5/opsmend.yml.5.gz",
        "usr/share/bash-completion/completions/opsmend", "usr/share/zsh/vendor-completions/_opsmend",
        "usr/share/fish/vendor_completions.d/opsmend.fish",
    } <= files  # fmt: skip


def test_wheel_and_sdist_carry_rules_playbooks_and_schemas(packages):
    (wheel,), (sdist,) = packages.glob("opsmend-*.whl"), packages.glob("opsmend-*.tar.gz")
    names = set(zipfile.ZipFile(wheel).namelist())
    for file in (
        "agent/stock/rules/faults.yml", "agent/stock/playbooks/restart_service/remediation.yml",
        "agent/config/schemas/opsmend.json", "agent/setup/files/opsmend.yml",
    ):  # fmt: skip
        assert file in names
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "rules/faults.yml",
        "playbooks/restart_service/remediation.yml",
        "packaging/build/package.py",
    } <= inside
