"""Decisions in, runs carried out by Ansible out."""

from agent.remediate.inventory import AnsibleInventory
from agent.remediate.runner import Ended, Execution, PlaybookRunner
from agent.remediate.steps import Journal, Steps, mark_of

__all__ = [
    "AnsibleInventory",
    "Ended",
    "Execution",
    "Journal",
    "PlaybookRunner",
    "Steps",
    "mark_of",
]
