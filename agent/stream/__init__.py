"""What arrives by itself comes in, is kept, and goes on at once to those who act on it."""

from agent.stream.alerts import AlertIntake
from agent.stream.feed import Feed
from agent.stream.feeds import make_feeds
from agent.stream.marks import ReadMarks
from agent.stream.outlook import Outlook
from agent.stream.stage import Stage, Stream
from agent.stream.stages import Finding, make_stages

__all__ = [
    "AlertIntake",
    "Feed",
    "Finding",
    "Outlook",
    "ReadMarks",
    "Stage",
    "Stream",
    "make_feeds",
    "make_stages",
]
