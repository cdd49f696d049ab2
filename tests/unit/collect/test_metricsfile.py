"""Metrics files: what is meant is read, what is wrong is named with its line."""

import gzip
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.collect.metricsfile import labels_of, read_metrics
from agent.errors import ConfigError


def written(tmp_path, text, name="metrics.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_names_entities_and_gaps_are_read(tmp_path):
    path = written(
        tmp_path, 'timestamp,"up{instance=""a:1""}","rate{service=""cart""}",load\n10,1,,3\n20,NaN,5,6\n'
    )
    file = read_metrics(path)
    assert [one.entity for one in file.frame.series] == ["a:1", "cart", "load"]
    assert np.isnan(file.frame.values[0, 1])
    assert np.isnan(file.frame.values[1, 0])
    assert file.frame.values[2].tolist() == [3, 6]


def test_another_label_can_name_the_entity(tmp_path):
    path = written(tmp_path, 'timestamp,"up{instance=""a"",pod=""p1""}"\n10,1\n')
    assert read_metrics(path, "pod").frame.series[0].entity == "p1"


@pytest.mark.parametrize(
    "stamp", ["2020-01-01T00:00:00Z", "2020-01-01 00:00:00", "1577836800", "2020-01-01T01:00:00+01:00"]
)
def test_times_are_unix_seconds_or_rfc_3339(tmp_path, stamp):
    file = read_metrics(written(tmp_path, f"timestamp,x\n{stamp},1\n"))
    assert file.frame.times.tolist() == [1577836800]
    assert file.stamps == [stamp]


def test_a_zipped_file_is_known_by_its_content_not_its_name(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_bytes(gzip.compress(b"timestamp,x\n1,2\n"))
    assert read_metrics(path).frame.values.tolist() == [[2]]


def test_rows_are_put_in_order_and_those_of_one_time_become_one(tmp_path):
    file = read_metrics(written(tmp_path, "timestamp,x,y\n20,1,\n10,2,3\n20,,4\n"))
    assert file.frame.times.tolist() == [10, 20]
    assert file.frame.values.tolist() == [[2, 1], [3, 4]]
    assert len(file.notes) == 2


def test_infinite_is_missing_and_said(tmp_path):
    file = read_metrics(written(tmp_path, "timestamp,x\n1,inf\n2,-1e999\n3,1e308\n"))
    assert np.isnan(file.frame.values[0, :2]).all()
    assert "2 infinite" in file.notes[0]


WRONG = {
    "time,x\n1,2\n": "first column must be 'timestamp'",
    "timestamp\n1\n": "has no series",
    "timestamp,x,x\n1,2,3\n": "is there twice",
    "timestamp,x{y\n1,2\n": "is no series name",
    "timestamp,x\n1,2,3\n": "has 3 cells",
    "timestamp,x\n1,two\n": ":2: x: 'two' is no number",
    "timestamp,x\nsoon,2\n": "neither unix seconds nor RFC 3339",
    "timestamp,x\n1577836800000,2\n": "no time in unix seconds",
    'timestamp,"x\n1,2\n': "not well-formed",
    "": "first column",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        read_metrics(written(tmp_path, text))
    assert WRONG[text] in str(caught.value)


def test_a_file_cut_off_or_of_another_kind_is_refused(tmp_path):
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(b"timestamp,x\n" + b"1,2\n" * 5000)[:60])
    binary = tmp_path / "binary.csv"
    binary.write_bytes(bytes(range(200, 256)) * 10)
    for path in (cut, binary, tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(ConfigError):
            read_metrics(path)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=20), max_size=4))
def test_any_label_value_survives_prometheus_quoting(labels):
    def quoted(value):
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    name = "m{" + ",".join(f'{key}="{quoted(value)}"' for key, value in labels.items()) + "}"
    assert labels_of(name) == labels


def test_values_keep_their_precision(tmp_path):
    value = math.pi * 1e-300
    assert read_metrics(written(tmp_path, f"timestamp,x\n1,{value!r}\n")).frame.values[0, 0] == value
