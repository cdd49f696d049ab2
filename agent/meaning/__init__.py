"""What a metric means: whether it counts, what it measures and which direction is bad.

The one place where that is decided, for polls, for files and for diagnosis. What Prometheus' metadata says
(type, unit, help) goes first, then the words of the name and of the labels, then the values.
"""

from agent.meaning.counters import as_counted, counting_rows, is_counter_query
from agent.meaning.metadata import NO_METADATA, read_metadata, unit_of
from agent.meaning.roles import MetricRole, bad_direction, is_share, meaning_of

__all__ = [
    "NO_METADATA",
    "MetricRole",
    "as_counted",
    "bad_direction",
    "counting_rows",
    "is_counter_query",
    "is_share",
    "meaning_of",
    "read_metadata",
    "unit_of",
]
