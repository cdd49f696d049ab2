"""What strangers on a host put in the way of modules and of the metrics writer, which are root there."""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

ODD = [b"B\xfcro", b"new\nline", "Büro".encode(), b" ", b'quote"', b"back\\slash", b"-rf", b"{{ x }}", b"%s"]


@pytest.fixture(scope="module")
def packing(module):
    return module("files", "pack_old_files")


@pytest.fixture(scope="module")
def removing(module):
    return module("files", "remove_old_files")


@pytest.fixture(scope="module")
def logs(module, packing):
    return module("log", "pack_log")


@pytest.fixture(scope="module")
def locks(module, packing):
    module("proc", "process_facts")
    return module("lock", "stale_lock")


@pytest.fixture(scope="module")
def processes(module):
    return module("proc", "process_facts")


def within(seconds, action):
    """Return what an action returns or raises, or fail when it waits for somebody."""
    found = []

    def act():
        try:
            found.append(action())
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it still waits"
    return found[0]


def put(folder, kind, victim):
    """Put something of a kind where a file is expected."""
    place = folder / "x.log"
    makers = {
        "link": lambda: place.symlink_to(victim),
        "dangling link": lambda: place.symlink_to(folder / "nothing"),
        "hard link": lambda: place.hardlink_to(victim),
        "pipe": lambda: os.mkfifo(place),
        "folder": place.mkdir,
        "socket": lambda: os.mknod(place, 0o140644),
        "device": lambda: os.mknod(place, 0o020644, os.makedev(1, 5)),
    }
    makers[kind]()
    return place


KINDS = ["link", "dangling link", "hard link", "pipe", "folder", "socket", "device"]


@pytest.fixture
def victim(tmp_path):
    file = tmp_path / "secret"
    file.write_text("4711 root's own\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "theirs"
    made.mkdir()
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_no_log_is_emptied_through_what_is_put_in_its_place(logs, folder, victim, kind):
    if os.geteuid() and kind == "device":
        pytest.skip("only root makes devices")
    place = put(folder, kind, victim)
    with logs.files.root_folder(str(folder)) as opened:
        assert isinstance(within(5, lambda: logs.open_log(place.name, opened)), OSError)
    assert victim.read_text() == "4711 root's own\n"


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_is_packed_that_something_else_took_the_place_of(packing, folder, victim, kind):
    if os.geteuid() and kind == "device":
        pytest.skip("only root makes devices")
    place = put(folder, kind, victim)
    seen = place.lstat()
    found = packing.files.Found(seen.st_mtime, str(folder), place.name, seen.st_ino, 1)
    within(5, lambda: packing.pack(found, seen.st_dev))
    assert [one.name for one in folder.iterdir()] == ["x.log"]
    assert victim.read_text() == "4711 root's own\n"


def test_a_file_of_holes_is_not_read_through(packing, folder):
    place = folder / "x.log"
    place.touch()
    os.truncate(place, 20 << 30)
    seen = place.stat()
    found = packing.files.Found(seen.st_mtime, str(folder), place.name, seen.st_ino, seen.st_size)
    assert within(5, lambda: packing.pack(found, seen.st_dev)) is False
    assert place.exists()


@pytest.mark.parametrize("name", ODD)
def test_what_a_module_answers_is_always_text(removing, packing, folder, name):
    inner = folder / os.fsdecode(name)
    inner.mkdir()
    for number in range(3):
        (inner / str(number)).write_bytes(b"x" * 3_000_000)
    device = folder.stat().st_dev
    for resource in ("bytes", "inodes"):
        said = removing.crowded(str(folder), device, resource)
        assert name.decode("utf-8", "replace") in said[0]
        json.dumps(said, ensure_ascii=False).encode()
    old = packing.files.old_files([str(folder)], device, 1e12)
    assert removing.remove(old, 2.0, str(folder), "bytes", device) == 3


def test_what_fills_a_file_system_is_named_as_a_file_and_not_as_its_folder(removing, folder):
    (folder / "blob").write_bytes(b"x" * 3_000_000)
    (folder / "small.log").write_bytes(b"x" * 10)
    assert removing.crowded(str(folder), folder.stat().st_dev, "bytes") == [f"2 MiB in {folder}/blob"]


def test_a_folder_named_like_an_archive_does_not_fail_what_is_done_already(logs, folder):
    (folder / "x.log.flood-0.gz").mkdir()
    (folder / "x.log.flood-1.gz").write_text("old")
    with logs.files.root_folder(str(folder)) as opened:
        logs.forget("x.log", opened, 1)
        logs.forget("x.log", opened, 0)
    assert [one.name for one in folder.iterdir()] == ["x.log.flood-0.gz"]


def test_a_folder_that_is_swapped_for_a_link_again_and_again_leads_nowhere(removing, folder, victim):
    """The race that a look followed by a deed loses: no round of it touches what the link leads to."""
    (folder.parent / "etc").mkdir()
    victim.rename(folder.parent / "etc" / "x.log")
    stop = threading.Event()
    inner, aside = folder / "sub", folder / "aside"
    inner.mkdir()
    (folder / "link").symlink_to(folder.parent / "etc")

    def swap():
        while not stop.is_set():
            with suppress(OSError):
                inner.rename(aside)
                (folder / "link").rename(inner)
                inner.rename(folder / "link")
                aside.rename(inner)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        device = folder.stat().st_dev
        target = (folder.parent / "etc" / "x.log").stat()
        found = removing.files.Found(0, str(folder), "sub/x.log", target.st_ino, 1)
        for _ in range(3000):
            with suppress(OSError):
                removing.files.unlink(found, device)
    finally:
        stop.set()
        swapper.join()
    assert (folder.parent / "etc" / "x.log").exists()


@pytest.mark.parametrize("kind", [*KINDS, "holes"])
def test_a_lock_that_is_none_stays(locks, folder, victim, kind):
    if os.geteuid() and kind == "device":
        pytest.skip("only root makes devices")
    if kind == "holes":
        (folder / "x.log").touch()
        os.truncate(folder / "x.log", 20 << 30)
    elif kind != "hard link":
        put(folder, kind, victim)
    answer = within(5, lambda: locks.look(str(folder / "x.log")))
    assert isinstance(answer, OSError)
    assert victim.exists()


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("²", "names no process"),
        ("४७११", "names no process"),
        ("", "names no process"),
        ("1", "names no process"),
        ("-5", "names no process"),
        (b"\xfc\xff", "names no process"),
        ("9" * 30, ""),
        ("4194304999\n", ""),
        pytest.param(str(os.getpid()), "is alive", id="of this test"),
    ],
)
def test_a_lock_goes_only_when_it_names_a_process_that_is_gone(locks, folder, text, stays):
    place = folder / "x.lock"
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    seen, found = locks.look(str(place))
    assert stays in locks.objection(found)
    assert bool(stays) == bool(locks.objection(found))
    json.dumps(found, ensure_ascii=False).encode()
    if not stays:
        locks.remove(str(place), seen)
        assert not place.exists()


def test_a_lock_that_another_file_took_the_place_of_stays(locks, folder):
    place = folder / "x.lock"
    place.write_text("4194304999")
    seen, _ = locks.look(str(place))
    place.rename(folder / "old")
    place.write_text("1234")
    with pytest.raises(OSError, match="another file"):
        locks.remove(str(place), seen)
    assert place.exists()


def test_a_lock_that_somebody_has_open_only_for_reading_is_held(locks, folder):
    place = folder / "x.lock"
    place.write_text("4194304999")
    with place.open() as held:
        holder = subprocess.Popen(["sleep", "60"], stdin=held)
    try:
        _, found = locks.look(str(place))
    finally:
        holder.kill()
        holder.wait()
    assert "has it open" in locks.objection(found)


def test_who_writes_a_log_is_told_from_who_reads_it(processes, folder):
    place = folder / "x.log"
    place.touch()
    with place.open() as read, place.open("a") as written:
        reader = subprocess.Popen(["sleep", "60"], stdin=read)
        writer = subprocess.Popen(["sleep", "60"], stdout=written)
    pids = [reader.pid, writer.pid]
    try:
        assert processes.writers(str(place), pids) == [writer.pid]
        place.rename(folder / "x.log.1")
        assert processes.writers(str(folder / "x.log.1"), pids) == [writer.pid]
    finally:
        for one in (reader, writer):
            one.kill()
            one.wait()


ODD_PROCESS = """
import os, sys, time
open("/proc/self/comm", "wb").write(b"B\\xfc) Z 1")
held = open(os.fsencode(sys.argv[1]) + b"/B\\xfc\\nro", "wb")
held.write(b"x" * 5_000_000)
held.flush()
os.unlink(held.name)
print(flush=True)
time.sleep(60)
"""


def test_a_process_of_an_odd_name_that_holds_an_odd_file_is_described_as_text(module, processes, folder):
    """And is no zombie, and no other process, whatever its name makes of the line that tells of it."""
    deleted, memory = module("deleted_files", "deleted_files_facts"), module("memory", "memory_facts")
    runaway = module("process", "runaway_facts")
    command = [sys.executable, "-c", ODD_PROCESS, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as odd:
        try:
            odd.stdout.readline()
            files = deleted.held(folder.stat().st_dev)[odd.pid]
            said = [deleted.describe(odd.pid, files, 1), memory.profile(odd.pid), memory.units(1)]
            started = deleted.proc.start_of(odd.pid)
            assert (odd.pid, started) in runaway.sample()
        finally:
            odd.kill()
    assert said[0]["name"].startswith("B")
    assert said[0]["files"][0] == f"4 MiB {folder}/B\N{REPLACEMENT CHARACTER}\nro"
    json.dumps(said, ensure_ascii=False).encode()
