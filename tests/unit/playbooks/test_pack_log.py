"""What is kept of a log that floods."""

import gzip
import os

import pytest


@pytest.fixture(scope="module")
def packing(module):
    module("files", "pack_old_files")  # brings what the modules share
    return module("log", "pack_log")


@pytest.fixture
def log(tmp_path, packing):
    """A log that floods, opened as the module opens it, and its folder."""
    (tmp_path / "shop.log").write_text("".join(f"{n} cannot reach the warehouse\n" for n in range(1000)))
    folder = os.open(tmp_path, os.O_RDONLY)
    with packing.open_log("shop.log", folder) as opened:
        yield opened, folder, os.fstat(opened.fileno()).st_size
    os.close(folder)


def test_the_end_of_the_log_is_kept_and_no_more_of_it_than_was_there_at_the_beginning(packing, log, tmp_path):
    opened, folder, size = log
    with (tmp_path / "shop.log").open("a") as writer:
        writer.write("what comes while we look\n")
    packing.pack_and_empty(opened, size, "shop.log.flood-1.gz", folder, 100)
    kept = gzip.decompress((tmp_path / "shop.log.flood-1.gz").read_bytes()).decode()
    assert len(kept) == 100
    assert kept.endswith("999 cannot reach the warehouse\n")
    assert (tmp_path / "shop.log").read_bytes() == b""


def test_what_is_said_most_often_is_told_without_its_numbers(packing, log):
    opened, _, size = log
    assert packing.most_common(opened, size) == ["999 x N cannot reach the warehouse"]


def test_on_a_full_file_system_the_log_is_emptied_before_a_little_of_it_is_written(
    packing, log, tmp_path, monkeypatch
):
    opened, folder, size = log

    class Full(gzip.GzipFile):
        def write(self, data):
            if (tmp_path / "shop.log").stat().st_size:
                raise OSError(28, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(packing.gzip, "GzipFile", Full)
    monkeypatch.setattr(packing, "_LITTLE", 300)
    packing.pack_and_empty(opened, size, "shop.log.flood-1.gz", folder, size)
    kept = gzip.decompress((tmp_path / "shop.log.flood-1.gz").read_bytes()).decode()
    assert len(kept) == 300
    assert kept.endswith("999 cannot reach the warehouse\n")


def test_what_fails_otherwise_leaves_the_log_as_it_is_and_no_half_archive(
    packing, log, tmp_path, monkeypatch
):
    opened, folder, size = log

    class Broken(gzip.GzipFile):
        def write(self, data):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(packing.gzip, "GzipFile", Broken)
    with pytest.raises(OSError, match="Input/output"):
        packing.pack_and_empty(opened, size, "shop.log.flood-1.gz", folder, size)
    assert [one.name for one in tmp_path.iterdir()] == ["shop.log"]
    assert (tmp_path / "shop.log").stat().st_size == size


def test_only_the_newest_archives_of_this_log_stay(packing, log, tmp_path):
    _, folder, _ = log
    for name in ("shop.log.flood-1.gz", "shop.log.flood-2.gz", "shop.log.flood-3.gz", "other.log.flood-0.gz"):
        (tmp_path / name).touch()
    packing.forget("shop.log", folder, 2)
    left = sorted(one.name for one in tmp_path.iterdir())
    assert left == ["other.log.flood-0.gz", "shop.log", "shop.log.flood-2.gz", "shop.log.flood-3.gz"]


def test_a_log_that_is_a_link_is_refused(packing, tmp_path):
    (tmp_path / "shop.log").symlink_to("/etc/passwd")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="links"):
            packing.open_log("shop.log", folder)
    finally:
        os.close(folder)
