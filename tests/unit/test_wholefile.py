"""A file is replaced as a whole or not at all."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.wholefile import replacing


def put(file, content, mode=0o600):
    with replacing(file, mode) as stream:
        stream.write(content)


def put_half(file):
    with replacing(file) as stream:
        stream.write(b"half of the ne")
        raise OSError("disk full")


def test_what_fails_half_way_leaves_what_was_there_and_nothing_else(tmp_path):
    file = tmp_path / "kept"
    put(file, b"old")
    with pytest.raises(OSError, match="disk full"):
        put_half(file)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_others_may_not_even_read_what_is_not_finished(tmp_path, mode):
    file = tmp_path / "kept"
    with replacing(file, mode) as stream:
        assert stat.S_IMODE(os.fstat(stream.fileno()).st_mode) == mode
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_those_who_write_it_at_once_do_not_mix(tmp_path):
    file, letters = tmp_path / "kept", "abcdefgh"
    with ThreadPoolExecutor(len(letters)) as pool:
        list(pool.map(lambda letter: put(file, letter.encode() * 100_000), letters * 20))
    assert file.read_bytes() in [letter.encode() * 100_000 for letter in letters]
    assert list(tmp_path.iterdir()) == [file]
