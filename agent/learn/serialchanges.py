"""Runs on several hosts and on one in, whether plays should take their hosts one after another out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agent.learn.remediations import quantile
from agent.quantity import wilson_interval
from agent.records.attempts import Attempt
from agent.records.changes import Edit, NoChange, SuggestedChange

FEWEST_EACH = 5
"""Runs on several hosts, and on one, without which it is not said that together they do worse."""
FEWEST_WELL = 10
"""Runs on several hosts, all good, without which one after another is not given up."""
_SLOW_S = 30.0
_HALF = "50%"

Serials = Mapping[str, Sequence[str]]
"""Of each playbook what ``serial`` its plays have, empty where none."""


def serial_changes(serials: Serials, attempts: Sequence[Attempt]) -> Iterator[SuggestedChange | NoChange]:
    """Yield whether hosts should be taken one by one, or several at a time. Raises nothing."""
    done = [one for one in attempts if one.healed is not None]
    several = [one for one in done if len(one.hosts) > 1]
    alone = [one for one in done if len(one.hosts) == 1]
    if len(several) < FEWEST_EACH:
        return
    good = sum(one.healed is True for one in several)
    together = f"{good} of {len(several)} runs on several hosts at once helped"
    if len(alone) >= FEWEST_EACH:
        well = sum(one.healed is True for one in alone)
        low, high = wilson_interval(well, len(alone))[0], wilson_interval(good, len(several))[1]
        figures = (
            f"{together} ({high:.0%} at the best), {well} of {len(alone)} on one ({low:.0%} at the least)"
        )
        if high < low:
            yield from _one_by_one(serials, figures)
            return
    yield from _several_at_once(serials, several, together)


def _one_by_one(serials: Serials, figures: str) -> Iterator[SuggestedChange | NoChange]:
    edits = [
        Edit(playbook, (number, "serial"), 1)
        for playbook, plays in serials.items()
        for number, serial in enumerate(plays)
        if serial != "1"
    ]
    if edits:
        yield SuggestedChange(what="take hosts one after another", why=figures, edits=tuple(edits))
    else:
        yield NoChange(about="hosts at the same time", why=f"{figures}; they are taken one by one already")


def _several_at_once(serials: Serials, several: Sequence[Attempt], figures: str) -> Iterator[SuggestedChange]:
    edits = [
        Edit(playbook, (number, "serial"), _HALF)
        for playbook, plays in serials.items()
        for number, serial in enumerate(plays)
        if serial == "1"
    ]
    took = quantile([one.seconds for one in several], 0.5)
    all_good = all(one.healed and not one.worse and not one.relapsed for one in several)
    if edits and all_good and len(several) >= FEWEST_WELL and took >= _SLOW_S:
        why = f"{figures}, and took {took:.0f} s (p50) one host after another"
        yield SuggestedChange(what="take half of the hosts at a time", why=why, edits=tuple(edits))
