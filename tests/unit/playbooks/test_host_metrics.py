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
    seen = script.nothing_seen()
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


FSTAB = """
# <file system> <mount point> <type> <options> <dump> <pass>
UUID=1 / ext4 errors=remount-ro 0 1
UUID=2 none swap sw 0 0
nas:/share /mnt/share nfs4 defaults 0 0
nas:/spare /mnt/spare nfs4 noauto 0 0
nas:/lazy /mnt/lazy nfs4 x-systemd.automount 0 0
UUID=3 /srv/ ext4 defaults 0 2 # the shop
"""


def test_a_mount_is_missed_that_fstab_wants_at_start(script):
    mounts = "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /srv ext4 rw 0 0\n"
    assert script.mounts_missing(FSTAB, mounts) == {"/": False, "/mnt/share": True, "/srv": False}


PIN = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
SPIN = ["python3", "-c", "while True: pass"]


@pytest.fixture
def two_on_one_processor(tmp_path):
    """Two programs of different names that share one processor."""
    started = []
    for name in ("hog", "worker"):
        (tmp_path / name).symlink_to("/usr/bin/python3")
        started.append(subprocess.Popen([*PIN, str(tmp_path / name), *SPIN[1:]]))
    yield tmp_path
    for one in started:
        one.kill()
        one.wait()


def test_others_are_seen_to_wait_for_who_is_busy(script, two_on_one_processor, monkeypatch):
    """Only the two count, since others use the machine that tests run on."""
    own = lambda: {key: row for key, row in tasks().items() if row[0] in ("hog", "worker")}  # noqa: E731
    tasks = script.tasks
    monkeypatch.setattr(script, "tasks", own)
    monkeypatch.setattr(script, "_BUSY_CORES", 0.005)
    monkeypatch.setattr(script, "_WORKING_CORES", 0.005)
    seen = script.nothing_seen()
    script.others_waiting(seen)
    script.time.sleep(3)
    waiting = script.others_waiting(seen)
    assert waiting["hog"] > 0.3
    assert waiting["worker"] > 0.3


def test_nobody_waits_where_others_hardly_work(script, monkeypatch):
    rounds = iter(
        [
            {(1, "a"): ("make", 0.0, {"1": 0.0}), (2, "b"): ("sshd", 0.0, {"2": 0.0})},
            {(1, "a"): ("make", 60.0, {"1": 50.0}), (2, "b"): ("sshd", 0.001, {"2": 0.5})},
        ]
    )
    monkeypatch.setattr(script, "tasks", lambda: next(rounds))
    moments = iter([0.0, 0.0, 60.0])
    monkeypatch.setattr(script.time, "monotonic", lambda: next(moments))
    seen = script.nothing_seen()
    script.others_waiting(seen)
    assert script.others_waiting(seen) == {"make": 0.0}
