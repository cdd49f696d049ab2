"""The agent as a process."""

from agent.service.service import Service

__all__ = ["Service"]
