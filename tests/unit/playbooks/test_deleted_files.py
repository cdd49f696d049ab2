"""Files that were deleted while somebody has them open."""

import os

import pytest


@pytest.fixture(scope="module")
def proc(module):
    return module("proc", "process_facts").proc


def test_a_deleted_file_is_seen_as_long_as_it_is_open(proc, tmp_path):
    file = tmp_path / "big.log"
    file.write_bytes(b"x" * 100_000)
    with file.open() as held:
        inode = os.fstat(held.fileno()).st_ino
        assert inode not in [one[1] for one in proc.deleted_files(os.getpid())]
        file.unlink()
        (found,) = [one for one in proc.deleted_files(os.getpid()) if one[1] == inode]
        assert found[0] == tmp_path.stat().st_dev
        assert found[2] >= 100_000
        assert found[3] == str(file)
    assert inode not in [one[1] for one in proc.deleted_files(os.getpid())]


def test_a_device_is_known_by_where_it_is_mounted(proc):
    assert "/" in proc.mountpoints().values()
