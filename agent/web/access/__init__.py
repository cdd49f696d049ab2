"""Who calls, how far they may reach, and how often they may ask."""

from agent.web.access.callers import Caller
from agent.web.access.gate import Gate
from agent.web.access.guard import GuardedRoute, needs, public

__all__ = ["Caller", "Gate", "GuardedRoute", "needs", "public"]
