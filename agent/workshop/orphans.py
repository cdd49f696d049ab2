"""Rules, cases and remediations in; what leads nowhere or comes from nowhere out, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from agent.config.conditions import SignalCondition, leaves
from agent.config.rulefiles import Rulebook
from agent.decide import Remediation
from agent.diagnose.live.unknown_alerts import UNKNOWN_ALERT
from agent.records.cases import PastCase


def orphans(
    book: Rulebook, catalog: Mapping[str, Remediation], cases: Iterable[PastCase] = ()
) -> Iterator[str]:
    """Yield faults that no rule or case finds or no remediation fixes, and signals that nothing looks at."""
    found = {rule.fault for rule in book.rules.values()} | {case.fault for case in cases}
    fixed = {fault for remediation in catalog.values() for fault in remediation.file.fixes}
    for fault in sorted(book.faults):
        fixers = sorted(name for name, one in catalog.items() if fault in one.file.fixes)
        if fault not in found and fault != UNKNOWN_ALERT:  # which is what no rule finds
            unused = f", so {', '.join(fixers)} is never chosen for it" if fixers else ""
            yield f"no rule and no case finds {fault}{unused}"
        if fault not in fixed and not book.faults[fault].for_people:
            yield f"no remediation fixes {fault}"
    used = {
        leaf.signal
        for when in (*(one.when for one in book.rules.values()), *(one.when for one in book.harms.values()))
        for leaf in leaves(when)
        if isinstance(leaf, SignalCondition)
    }
    for signal in sorted(book.signals.keys() - used):
        if not book.signals[signal].detect:
            yield f"no rule looks at signal {signal}, and it is not learned either"
