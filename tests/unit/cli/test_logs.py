"""``opsmend logs templates``."""

import csv
import gzip

import pytest

from agent.cli.logs import write_templates
from agent.errors import NotFoundError, OpsmendError


def read(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_line_has_its_row(tmp_path):
    log = tmp_path / "a.log"
    lines = [b"job 1 ended", b"", b'job 2 ended, "well"\r', b"job 3 ended", b"bytes \xff\xfe\x0c"]
    log.write_bytes(b"\n".join(lines) + b"\n")
    write_templates(log, tmp_path / "t.csv")
    rows = read(tmp_path / "t.csv")
    assert [row["line"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[0] == {"line": "1", "template_id": "1", "template": "job <*> ended"}
    assert rows[3]["template_id"] == "1"
    assert rows[2]["template"] == 'job <*> ended, "well"'


def test_early_lines_get_the_template_that_was_learned_later(tmp_path):
    log = tmp_path / "a.log.gz"
    users = ["anna", "bob", "carl", "dora"]
    log.write_bytes(gzip.compress("\n".join(f"session of user {user} opened" for user in users).encode()))
    write_templates(log, tmp_path / "t.csv")
    assert {row["template"] for row in read(tmp_path / "t.csv")} == {"session of user <*> opened"}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"nothing\.log does not exist"):
        write_templates(tmp_path / "nothing.log", tmp_path / "t.csv")


@pytest.mark.parametrize("content", [b"not gzip at all", gzip.compress(b"a\n" * 1000, mtime=0)[:20]])
def test_a_broken_archive_leaves_no_output(tmp_path, content):
    log = tmp_path / "a.gz"
    log.write_bytes(content)
    with pytest.raises(OpsmendError):
        write_templates(log, tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == [log]
