"""Where lines, band and moments lie in a picture."""

from datetime import timedelta

from agent.charts import Band, Chart, Line, Mark
from agent.web.pages.plot import HEIGHT, WIDTH, plot
from tests.make import NOW

BEGIN = NOW.timestamp()


def chart(values, **fields):
    times = [BEGIN + 60 * place for place in range(len(values))]
    defaults = {"title": "Free space", "unit": "ratio", "query": "free", "lines": [Line("", values)]}
    return Chart(times=times, **{**defaults, **fields})


def test_a_gap_in_the_samples_is_a_gap_in_the_line():
    (line,) = plot(chart([0.5, 0.4, None, 0.2, None, 0.1])).lines
    assert line.path.count("M") == 3
    assert line.path.endswith("h0.1")  # a sample alone is a dot
    assert line.newest == "10 %"


def test_the_whole_line_and_the_band_are_inside():
    drawn = plot(chart([0.2, 0.9], band=Band(0.1, 0.8, "expected")))
    top, height = drawn.band
    assert 0 <= top <= top + height <= HEIGHT
    assert drawn.lines[0].path.startswith("M0.0 ")
    assert f"L{WIDTH}.0 " in drawn.lines[0].path
    assert drawn.band_text == "expected: 10 % to 80 %"


def test_moments_outside_of_the_time_are_not_drawn():
    marks = [
        Mark(NOW + timedelta(seconds=30), "found", "found"),
        Mark(NOW - timedelta(hours=1), "over", "over"),
    ]
    assert [mark.x for mark in plot(chart([1.0, 0.5], marks=marks)).marks] == [WIDTH / 2]


def test_yes_does_not_slide_to_no():
    drawn = plot(chart([1.0, 0.0], unit="boolean"))
    assert "L" not in drawn.lines[0].path
    assert (drawn.low, drawn.high) == ("no", "yes")


def test_without_samples_it_says_why():
    assert plot(chart([None, None])).missing == "the source has no samples of this time"
    assert plot(chart([1.0, 1.0], missing="connection refused")).missing == "connection refused"


def test_a_value_that_never_moves_is_drawn_too():
    drawn = plot(chart([0.0, 0.0, 0.0]))
    assert drawn.low != drawn.high
