"""What the script of the role host_metrics says of this machine."""

import os
import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

NOTHING = {"log_directories": [], "services": {}, "drained": "/nowhere"}


@pytest.fixture(scope="module")
def script(root):
    roles = root / "playbooks" / "roles"
    file = str(roles / "host_metrics" / "files" / "opsmend-host-metrics")
    loaded = module_from_spec(spec_from_loader("host_metrics", SourceFileLoader("host_metrics", file)))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(roles / "proc" / "module_utils"))
        loaded.__spec__.loader.exec_module(loaded)
    return loaded


def deleted(script, seen):
    found = script.collect(NOTHING, seen)
    return {
        labels["mountpoint"]: size for name, labels, size in found if name == "opsmend_host_deleted_bytes"
    }


@pytest.fixture
def mounted(tmp_path):
    """A file system that nobody else writes to."""
    if os.geteuid():
        pytest.skip("only root mounts")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_room_that_deleted_files_gave_back_is_seen_as_a_zero(script, mounted):
    seen = {"drained": set(), "holding": set()}
    assert str(mounted) not in deleted(script, seen)
    file = mounted / "big.log"
    file.write_bytes(b"x" * 1_000_000)
    with file.open() as held:
        holder = subprocess.Popen(["sleep", "60"], stdin=held)
    try:
        file.unlink()
        assert deleted(script, seen)[str(mounted)] >= 1_000_000
    finally:
        holder.kill()
        holder.wait()
    assert deleted(script, seen)[str(mounted)] == 0
