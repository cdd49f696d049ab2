"""The signals that come from logs and not from a query: rules may name them like any other."""

from __future__ import annotations

from collections.abc import Mapping

from agent.config.conditions import LINES, TEMPLATE_LINES
from agent.config.rulefiles import Signal

# the queries are never asked
LOG_SIGNALS: Mapping[str, Signal] = {
    LINES: Signal(
        id=LINES,
        summary="Lines logged per second, by service, host and level",
        query="vector(0)",
        unit="1/s",
        role="traffic",
        bad="both",
        entity="{service}",
    ),
    TEMPLATE_LINES: Signal(
        id=TEMPLATE_LINES,
        summary="Lines logged per second, by service, host and template",
        query="vector(0)",
        unit="1/s",
        role="errors",
        bad="high",
        entity="{service}",
    ),
}
