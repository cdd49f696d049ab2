"""Which files of metrics are put aside because node_exporter cannot read them."""

import os

import pytest


@pytest.fixture(scope="module")
def aside(module):
    return module("textfile", "textfile_aside")


@pytest.mark.parametrize(
    "line",
    [
        'backup_age{name="shop",of="a\\"b\\\\"} 3600',
        "up 1",
        "x{} +Inf 1700000000000",
        "x -1.5e-7",
        "# any comment",
        "# TYPE x gauge",
        'x{a="{b} 1",} NaN',
        "",
    ],
)
def test_what_node_exporter_reads_stays(aside, line):
    assert aside.wrong_line(f"up 1\n{line}\n") is None


@pytest.mark.parametrize(
    "line", ['x{path="/etc', "x", "x one", "1x 1", "x{a=b} 1", "x 1 2 3", "# TYPE x rate", "x 0x10", "x 1;2"]
)
def test_the_first_line_that_is_no_metric_is_named(aside, line):
    assert aside.wrong_line(f"up 1\n{line}\n") == 2


def test_a_file_that_breaks_off_in_a_value_is_told_by_its_end(aside):
    assert aside.wrong_line("up 1\nage 36") == 2


def test_links_and_files_that_are_just_written_are_left_alone(aside, tmp_path):
    (tmp_path / "new.prom").write_text("{")
    (tmp_path / "old.prom").write_text("{")
    os.utime(tmp_path / "old.prom", (0, 0))
    (tmp_path / "link.prom").symlink_to(tmp_path / "old.prom")
    assert [path for path, _, _ in aside.broken(str(tmp_path), 60)] == [str(tmp_path / "old.prom")]
    assert [len(list(aside.broken(str(tmp_path), age))) for age in (0, 60)] == [2, 1]
