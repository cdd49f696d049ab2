"""Files that commands write: whole or not at all, and never in the place of something else."""

import os
import stat

import pytest

from agent.cli.output import write, writing
from agent.errors import OpsmendError


def test_a_file_is_written_whole(tmp_path):
    write(tmp_path / "page.html", "é".encode())
    assert (tmp_path / "page.html").read_text() == "é"
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_what_fails_in_the_middle_leaves_the_old_file(tmp_path):
    file = tmp_path / "scores.csv"
    file.write_text("old")
    with pytest.raises(TypeError), writing(file) as stream:
        stream.writelines(["new", 1])
    assert file.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["scores.csv"]


def test_a_pipe_and_a_link_are_written_to_and_stay(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(tmp_path / "pipe", b"x")
    assert os.read(reader, 10) == b"x"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write(tmp_path / "link", b"y")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "y"


@pytest.mark.parametrize("place", ["nowhere/x", "."])
def test_what_cannot_be_written_is_named(tmp_path, place):
    with pytest.raises(OpsmendError, match="cannot be written"):
        write(tmp_path / place, b"x")
