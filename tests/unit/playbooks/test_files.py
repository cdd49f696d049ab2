"""What is removed and packed of old files, and what a stranger cannot make of it."""

import gzip
import os
import signal
import time

import pytest

DAY = 86400


@pytest.fixture(scope="module")
def packing(module):
    return module("files", "pack_old_files")


@pytest.fixture(scope="module")
def removing(module):
    return module("files", "remove_old_files")


@pytest.fixture
def logs(tmp_path):
    """A folder with logs of several ages; returns it, and a function that adds one."""
    top = tmp_path / "log"
    (top / "shop").mkdir(parents=True)

    def add(name, days, text="said\n"):
        file = top / name
        file.write_text(text)
        os.utime(file, (time.time() - days * DAY,) * 2)
        return file

    return top, add


def old(files, top, days=7, **more):
    device = top.stat().st_dev
    return files.old_files([str(top)], device, time.time() - days * DAY, **more), device


def test_old_files_come_the_oldest_first_and_young_or_foreign_ones_never(removing, logs):
    top, add = logs
    for name, days in (("a.log.1", 8), ("shop/b.log.1", 20), ("young.log.1", 1), ("orders.csv", 90)):
        add(name, days)
    (top / "link.log.1").symlink_to(top / "orders.csv")
    found, _ = old(removing.files, top, patterns=["*.log.*"])
    assert [one.path for one in found] == ["shop/b.log.1", "a.log.1"]


def test_an_excluded_folder_is_not_even_looked_at(removing, logs):
    top, add = logs
    add("shop/b.log.1", 20)
    assert old(removing.files, top, excluded=[str(top / "shop")])[0] == []


def test_no_more_is_removed_than_the_goal_takes(removing, logs, monkeypatch):
    top, add = logs
    for days in (8, 9, 10, 11):
        add(f"a.log.{days}", days)
    found, device = old(removing.files, top)
    monkeypatch.setattr(removing, "free_ratio", lambda *_: 1 - len(list(top.glob("a.*"))) / 10)
    assert removing.remove(found, 0.75, str(top), "bytes", device) == 2
    assert sorted(one.name for one in top.glob("a.*")) == ["a.log.8", "a.log.9"]


def test_a_file_is_not_removed_through_a_folder_that_became_a_link(removing, logs, tmp_path):
    top, add = logs
    add("shop/passwd", 20)
    found, device = old(removing.files, top)
    elsewhere = tmp_path / "etc"
    (top / "shop").rename(tmp_path / "gone")
    elsewhere.mkdir()
    (elsewhere / "passwd").write_text("root")
    (top / "shop").symlink_to(elsewhere)
    with pytest.raises(OSError, match="shop"):
        removing.files.unlink(found[0], device)
    assert (elsewhere / "passwd").exists()


def test_a_file_that_was_put_in_the_place_of_another_stays(removing, packing, logs):
    top, add = logs
    first = add("a.log.1", 20)
    found, device = old(removing.files, top)
    first.rename(top / "kept")
    add("a.log.1", 0)
    assert not removing.files.unlink(found[0], device)
    assert not packing.pack(found[0], device)
    assert (top / "a.log.1").exists()


def test_a_packed_file_keeps_its_text_owner_mode_and_time(packing, logs):
    top, add = logs
    file = add("shop/a.log.1", 20, "said\n" * 1000)
    file.chmod(0o640)
    before = file.stat()
    found, device = old(packing.files, top)
    assert packing.pack(found[0], device)
    archive = top / "shop" / "a.log.1.gz"
    assert gzip.decompress(archive.read_bytes()) == b"said\n" * 1000
    assert not file.exists()
    after = archive.stat()
    assert (after.st_mode, after.st_uid, after.st_mtime) == (before.st_mode, before.st_uid, before.st_mtime)


def test_without_room_for_the_archive_the_file_stays_and_no_half_archive_is_left(packing, logs, monkeypatch):
    top, add = logs
    add("a.log.1", 20)
    found, device = old(packing.files, top)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing.shutil, "copyfileobj", full)
    assert packing.pack_all(found, 2.0, str(top), device, 60) == 0
    assert [one.name for one in top.iterdir() if one.is_file()] == ["a.log.1"]


def test_who_ends_it_leaves_no_half_archive(packing, logs, monkeypatch):
    top, add = logs
    add("a.log.1", 20)
    found, device = old(packing.files, top)
    before = signal.getsignal(signal.SIGTERM)
    packing.files.unwind_when_ended()
    monkeypatch.setattr(packing.shutil, "copyfileobj", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        with pytest.raises(SystemExit):
            packing.pack(found[0], device)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [one.name for one in top.iterdir() if one.is_file()] == ["a.log.1"]


def test_an_archive_that_is_there_already_is_not_written_over(packing, logs):
    top, add = logs
    add("a.log.1", 20, "new")
    add("a.log.1.gz", 20, "old")
    found, device = old(packing.files, top, left_out=["*.gz"])
    assert not packing.pack(found[0], device)
    assert (top / "a.log.1.gz").read_text() == "old"
    assert (top / "a.log.1").read_text() == "new"


def test_what_a_process_has_open_is_known_by_its_inode(packing, logs):
    top, add = logs
    file = add("a.log.1", 20)
    with file.open() as held:
        assert os.fstat(held.fileno()).st_ino in packing.files.open_inodes(top.stat().st_dev)
