"""People are called: messages that were put up are composed and delivered."""

from agent.notify.notifier import Notifier
from agent.notify.story import Storyteller

__all__ = ["Notifier", "Storyteller"]
