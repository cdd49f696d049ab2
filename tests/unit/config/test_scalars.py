"""Durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.scalars import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("15s", 15), ("1h30m", 5400), ("200ms", 0.2), ("2d", 172800), ("0s", 0)]
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "5", "5 m", "m5", "-5m", "1.5h", "5y", "9999999w", "５m"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"duration|longer than a year"):
        parse_duration(text)


@given(st.integers(0, 366 * 86400 * 1000))
def test_a_written_duration_reads_back_the_same(milliseconds):
    span = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(span)) == span
