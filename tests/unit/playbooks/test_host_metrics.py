"""What the script of the role host_metrics says of this machine."""

import os
import subprocess
import threading
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

from tests.servers.process import wait_until

NOTHING = {"log_directories": [], "services": {}, "drained": "/nowhere"}


@pytest.fixture(scope="module")
def script(root):
    roles = root / "playbooks" / "roles"
    file = str(roles / "host_metrics" / "files" / "opsmend-host-metrics")
    loaded = module_from_spec(spec_from_loader("host_metrics", SourceFileLoader("host_metrics", file)))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(roles / "proc" / "module_utils"))
        patch.syspath_prepend(str(roles / "files" / "module_utils"))
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
    wait_until(lambda: len(own()) == 2, 30, "the two did not begin")
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


def samples(script, **config):
    found = script.collect({**NOTHING, **config}, script.nothing_seen())
    return {name: value for name, labels, value in found}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "holes", "odd digits", "bytes", "huge number"])
def test_whatever_a_service_makes_of_its_lock_the_others_are_seen(script, tmp_path, kind):
    lock = tmp_path / "x.lock"
    makers = {
        "link": lambda: lock.symlink_to("/etc/passwd"),
        "pipe": lambda: os.mkfifo(lock),
        "folder": lock.mkdir,
        "holes": lambda: (lock.touch(), os.truncate(lock, 20 << 30)),
        "odd digits": lambda: lock.write_text("²"),
        "bytes": lambda: lock.write_bytes(b"\xfc\xff"),
        "huge number": lambda: lock.write_text("9" * 4000),
    }
    makers[kind]()
    found = {}
    config = {"services": {"a.service": {"lock_file": str(lock)}, "b.service": {"port": 1}}}
    thread = threading.Thread(target=lambda: found.update(samples(script, **config)), daemon=True)
    thread.start()
    thread.join(10)
    assert "opsmend_host_port_taken" in found
    assert ("opsmend_host_lock_stale" in found) is (kind not in ("link", "pipe", "folder"))


def test_what_cannot_be_looked_at_is_no_sample_and_hides_no_other(script, monkeypatch, capfd):
    monkeypatch.setattr(script, "deleted_bytes", lambda: 1 / 0)
    services = {"a.service": {"port": "eighty"}, "b.service": {"port": 1}}
    found = samples(script, services=services)
    assert {"opsmend_host_memory_available_ratio", "opsmend_host_port_taken"} <= found.keys()
    assert "not known: ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.parametrize("name", [".opsmend.prom.new", "opsmend.prom"])
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_what_is_written_goes_through_nothing_that_lies_there(script, tmp_path, name, kind):
    victim = tmp_path / "secret"
    victim.write_text("root's own")
    folder = tmp_path / "out"
    folder.mkdir(mode=0o755)
    place = folder / name
    {"link": place.symlink_to, "hard link": place.hardlink_to, "pipe": lambda _: os.mkfifo(place)}[kind](
        victim
    )
    script.write(str(folder / "opsmend.prom"), "up 1\n")
    assert victim.read_text() == "root's own"
    assert [one.name for one in folder.iterdir()] == ["opsmend.prom"]
    assert ((folder / "opsmend.prom").read_text(), (folder / "opsmend.prom").stat().st_mode) == (
        "up 1\n",
        0o100644,
    )


def test_nothing_is_written_into_a_folder_of_others(script, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "open" / "link").symlink_to(tmp_path / "real")
    for folder in ("open", "open/link"):
        with pytest.raises(OSError):
            script.write(f"{tmp_path}/{folder}/opsmend.prom", "up 1\n")
    assert list((tmp_path / "real").iterdir()) == []


def test_names_of_logs_of_any_bytes_are_text_in_what_is_written(script, tmp_path):
    (tmp_path / os.fsdecode(b"B\xfcro")).mkdir()
    (tmp_path / os.fsdecode(b"B\xfcro") / "a.log").write_text("said")
    os.mkfifo(tmp_path / "pipe.log")
    text = script.render(script.logs([str(tmp_path)]))
    assert "B\N{REPLACEMENT CHARACTER}ro/a.log" in text
    assert "pipe.log" not in text
    text.encode()


def test_a_check_of_a_configuration_that_could_not_be_made_is_no_answer(script, monkeypatch, tmp_path):
    said = []

    def outside(words):
        tool = tmp_path / "systemd-run"
        tool.write_text(f"#!/bin/sh\n{words}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        said.append(script.is_valid("/etc/x.conf", ["checker", "%s"]))

    outside("exit 1")
    outside("echo code 127")
    outside("echo code 1")
    outside("echo code 0")
    assert said == [None, None, False, True]
