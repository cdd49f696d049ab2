"""Whether a topic is still the one that it was: one that was deleted and made anew has another id.

A client that goes on reading by the offsets, and the epochs of leaders, of the old one may wait for ever, or
pass over what the new one holds, and is told nothing of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from agent.collect.kafkaconnection import connection
from agent.config.sources import KafkaSection

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

_EVERY_S = 10.0
_WITHIN_S = 5.0


class TopicIdentity:
    """Remembers a topic's id and asks for it now and then."""

    def __init__(self, section: KafkaSection) -> None:
        self._section = section
        self._admin: AdminClient | None = None
        self._id: str | None = None
        self._asked_at = -_EVERY_S

    def has_changed(self) -> bool:
        """Return whether the topic is another one than before. While nobody can tell it is the same."""
        now = time.monotonic()
        if now - self._asked_at < _EVERY_S:
            return False
        self._asked_at = now
        found = self._ask()
        if found is None:
            return False
        before, self._id = self._id, found
        return before is not None and before != found

    def _ask(self) -> str | None:
        from confluent_kafka import KafkaException, TopicCollection
        from confluent_kafka.admin import AdminClient

        try:
            if self._admin is None:
                self._admin = AdminClient(connection(self._section))
            topics: Any = TopicCollection([self._section.topic])
            asked = self._admin.describe_topics(topics, request_timeout=_WITHIN_S)
            described: Any = asked[self._section.topic].result()
        except (KafkaException, TimeoutError):
            return None  # reading will say what is wrong
        return str(described.topic_id) if described.topic_id is not None else None
