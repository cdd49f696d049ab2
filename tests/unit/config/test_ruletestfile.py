"""How rule tests write samples and series."""

import math

import pytest

from agent.config.ruletestfile import MOST_SAMPLES, parse_series, parse_values


@pytest.mark.parametrize(
    ("text", "samples"),
    [
        ("1", [1]),
        ("1x2 0", [1, 1, 1, 0]),
        ("0+0.5x2", [0, 0.5, 1]),
        ("-1-2x2", [-1, -3, -5]),
        ("1e3 .5 2.", [1000, 0.5, 2]),
    ],
)
def test_samples_are_written_as_promtool_writes_them(text, samples):
    assert list(parse_values(text)) == samples


def test_a_missing_sample_is_a_gap_and_not_zero():
    values = parse_values("1 _ 1 _x2")
    assert [math.isnan(value) for value in values] == [False, True, False, True, True]


@pytest.mark.parametrize("text", ["", " ", "one", "1x", "x3", "1+2", "1x-2", "0x1f", "nan", "1,2"])
def test_what_is_no_sample_is_refused(text):
    with pytest.raises(ValueError, match="sample"):
        parse_values(text)


def test_a_series_of_millions_is_refused_and_not_built():
    with pytest.raises(ValueError, match=f"more than {MOST_SAMPLES}"):
        parse_values("1x99999 " * 1000)


def test_a_series_is_named_as_prometheus_names_it():
    name = parse_series(r'free{instance="web1:9100",path="C:\\tmp"}')
    assert (name.signal, dict(name.labels)) == ("free", {"instance": "web1:9100", "path": "C:\\tmp"})


@pytest.mark.parametrize("text", ["up{", '{a="b"}', 'up{a=~"b.*"}', "up[5m]", "sum(up)", "up offset 5m", "1"])
def test_what_names_no_single_series_is_refused(text):
    with pytest.raises(ValueError, match="series"):
        parse_series(text)
