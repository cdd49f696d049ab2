"""The parts, put together."""

from agent.wiring.agent import Agent, Announcer
from agent.wiring.build import build
from agent.wiring.definitions import Current, Definitions, load_definitions
from agent.wiring.parts import (
    AnsibleParts,
    make_ansible,
    make_dependencies,
    make_operator_actions,
    make_scorer,
    make_source,
)

__all__ = [
    "Agent",
    "Announcer",
    "AnsibleParts",
    "Current",
    "Definitions",
    "build",
    "load_definitions",
    "make_ansible",
    "make_dependencies",
    "make_operator_actions",
    "make_scorer",
    "make_source",
]
