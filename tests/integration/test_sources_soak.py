"""A minute of logs and events at full speed, in which everything fails once."""

import tempfile
from pathlib import Path

from tests.integration.soak import RECOVER_S, soak


def test_every_line_and_event_counts_once_whatever_fails():
    with tempfile.TemporaryDirectory(prefix="opsmend-soak-") as name:
        outcome = soak(Path(name), seconds=60, cut_s=5)
    assert outcome.events > 10_000
    assert outcome.lines > 40_000
    assert (outcome.stored_events, outcome.different_events) == (outcome.events, outcome.events)
    assert outcome.counted_lines == outcome.lines
    assert max(outcome.recovered_s.values()) < RECOVER_S, outcome.recovered_s
    assert max(mib for _, mib in outcome.memory_mib) < 300
