"""Decisions in, runs carried out by Ansible out."""

from agent.remediate.execution import Ended, Execution, Hosts
from agent.remediate.inventory import AnsibleInventory, Inventory
from agent.remediate.questions import HostAnswer, HostQuestions, Spoken
from agent.remediate.runner import PlaybookRunner
from agent.remediate.snapshot import Snapshot, Snapshots
from agent.remediate.steps import Journal, Steps, mark_of

__all__ = [
    "AnsibleInventory",
    "Ended",
    "Execution",
    "HostAnswer",
    "HostQuestions",
    "Hosts",
    "Inventory",
    "Journal",
    "PlaybookRunner",
    "Snapshot",
    "Snapshots",
    "Spoken",
    "Steps",
    "mark_of",
]
