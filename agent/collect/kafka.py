"""A Kafka topic in, events out: a message is acknowledged only once what it holds is kept.

Kafka delivers again what was not acknowledged, so the keeper must recognise an event by its id. What is
no event goes to the dead-letter topic with the reason, and is acknowledged when it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.collect.deadletters import DeadLetters
from agent.collect.events import NotAnEvent, to_event
from agent.collect.kafkaconnection import KEY, connection, name_of, named, need_library
from agent.collect.kafkatopic import TopicIdentity
from agent.config.sources import KafkaSection
from agent.errors import SourceError, SourceRefused
from agent.log import Logger
from agent.metrics import EVENTS_PASSED
from agent.records import Event

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, TopicPartition

log = Logger("kafka")

_BATCH = 1000
_WAIT_S = 1.0
_MOST_HELD_UP_MS = 300_000  # while the store cannot be written; then the others take our partitions

Keeper = Callable[[Sequence[Event]], int]


class KafkaSource:
    """One member of a consumer group. Not safe to use from several threads.

    Import and connection happen here, not before. A member has no name of its own: one that has and meets
    a broker that was killed can be shut out for good as its own double.
    """

    def __init__(self, section: KafkaSection, keep: Keeper) -> None:
        self._section = section
        self._keep = keep
        self._dead_letters = DeadLetters(section)
        self._pending: list[Message] = []
        self._error: KafkaError | None = None
        self._doubtful = False
        self._identity = TopicIdentity(section)
        self._begins_anew = False
        self._starts: dict[int, int] = {}  # where partitions begin for us of which nothing came yet
        need_library()
        self._consumer = self._join()

    def close(self) -> None:
        """Leave the broker. What was taken but not kept will be delivered again."""
        self._consumer.close()

    def read(self, wait_s: float = _WAIT_S) -> int:
        """Take in what has come, at most a thousand messages; return how many were new.

        Raises SourceError, or what ``keep`` raises: then the same messages come again with the next call.
        """
        from confluent_kafka import KafkaException

        try:
            if not self._pending:
                self._begin_anew_where_needed()
                self._pending = [one for one in self._consumer.consume(_BATCH, wait_s) if self._good(one)]
            if not self._pending:
                self._raise_trouble()
                return 0
            events, dead = self._sort(self._pending)
            new = self._keep(events) if events else 0
            if dead:
                self._dead_letters.bury(dead)
            self._acknowledge(self._pending)
        except KafkaException as error:
            raise self._named(error.args[0]) from error
        self._pending = []
        self._error, self._doubtful = None, False
        return new

    def lag(self) -> Mapping[int, int]:
        """Return how many messages wait in each partition that is ours, as far as it is known."""
        from confluent_kafka import KafkaException

        lags = {}
        try:
            for place in self._consumer.position(self._consumer.assignment()):
                low, high = self._consumer.get_watermark_offsets(place, cached=True)
                if high >= 0:
                    reached = place.offset if place.offset >= 0 else self._start(place)
                    lags[place.partition] = max(0, high - max(reached, low))
        except (KafkaException, RuntimeError):
            return {}
        return lags

    def _start(self, place: TopicPartition) -> int:
        """Return what the group has acknowledged of a partition; negative when nothing."""
        if place.partition not in self._starts:
            (found,) = self._consumer.committed([place], timeout=_WAIT_S)
            self._starts[place.partition] = found.offset
        return self._starts[place.partition]

    def _join(self) -> Any:
        from confluent_kafka import Consumer, KafkaException

        settings = {
            **connection(self._section),
            "group.id": self._section.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "max.poll.interval.ms": _MOST_HELD_UP_MS,
            "session.timeout.ms": round(self._section.session_timeout.total_seconds() * 1000),
            "error_cb": self._note_error,
        }
        try:
            consumer = Consumer(settings)
        except KafkaException as error:  # a file it cannot read, a setting it does not take
            why = error.args[0].str()
            raise SourceRefused(f"{name_of(self._section)} cannot be asked: {why} ({KEY})") from error
        consumer.subscribe([self._section.topic], on_assign=self._take_partitions)
        return consumer

    def _take_partitions(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        """Begin where the group has come to, or at the beginning of a topic that was made anew."""
        from confluent_kafka import OFFSET_BEGINNING

        self._starts.clear()
        if self._begins_anew:
            for place in partitions:
                place.offset = OFFSET_BEGINNING
            consumer.incremental_assign(partitions)

    def _begin_anew_where_needed(self) -> None:
        """Read a topic from its beginning that was deleted and made anew: it counts from 0 again."""
        if self._identity.has_changed():
            log.warning("topic was made anew and is read from its beginning", topic=self._section.topic)
            self._begins_anew = True
            self._join_anew()

    def _join_anew(self) -> None:
        """Become a member again, after an error that the client cannot come back from."""
        self._consumer.close()
        self._pending = []
        self._consumer = self._join()

    def _good(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        self._error = error
        return False

    def _sort(self, messages: Sequence[Message]) -> tuple[list[Event], list[tuple[Message, str]]]:
        events: list[Event] = []
        dead: list[tuple[Message, str]] = []
        now = datetime.now(UTC)
        section = self._section
        for message in messages:
            if message.value() is None:
                EVENTS_PASSED.labels("tombstone").inc()  # says that a key is gone: no event, and no mistake
                continue
            arrived = _arrived(message) or now
            try:
                event = to_event(_id(message), message.value(), arrived, section.format, section.fields, now)
                events.append(event)
            except NotAnEvent as why:
                EVENTS_PASSED.labels("dead_letter").inc()
                dead.append((message, str(why)))
        return events, dead

    def _acknowledge(self, messages: Sequence[Message]) -> None:
        from confluent_kafka import KafkaError, KafkaException, TopicPartition

        ends: dict[tuple[str, int], int] = {}
        for message in messages:
            ends[str(message.topic()), message.partition() or 0] = (message.offset() or 0) + 1
        offsets = [TopicPartition(topic, partition, end) for (topic, partition), end in ends.items()]
        moved = {
            KafkaError.ILLEGAL_GENERATION,
            KafkaError.UNKNOWN_MEMBER_ID,
            KafkaError.REBALANCE_IN_PROGRESS,
        }
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
            self._begins_anew = False  # from here on the group knows how far it is
        except KafkaException as error:
            # the partition is another member's now: it will be delivered again there, and recognised
            if error.args[0].code() not in moved:
                raise

    def _note_error(self, error: KafkaError) -> None:
        from confluent_kafka import KafkaError

        # "all brokers are down" follows every other trouble and says less
        if self._error is not None and self._error.fatal():
            return
        if self._error is None or error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._error = error

    def _raise_trouble(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            self._doubtful = True
            raise self._named(error)
        if self._doubtful:  # silence after trouble may be trouble still
            topic = self._section.topic
            found = self._consumer.list_topics(topic, timeout=_WAIT_S).topics[topic]
            if found.error is not None:
                raise self._named(found.error)
            self._doubtful = False

    def _named(self, error: KafkaError) -> SourceError:
        from confluent_kafka import KafkaError

        if error.fatal() or error.code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID):
            self._join_anew()
        return named(self._section, error)


def _id(message: Message) -> str:
    # a topic that was made anew counts from 0 again: the time tells the two apart
    millis = message.timestamp()[1]
    return f"{message.topic()}/{message.partition()}/{message.offset()}@{millis / 1000:.3f}"


def _arrived(message: Message) -> datetime | None:
    """Return when the broker, or its producer, says that a message was written."""
    kind, millis = message.timestamp()
    try:
        return datetime.fromtimestamp(millis / 1000, UTC) if kind and millis > 0 else None
    except (ValueError, OverflowError, OSError):  # producers may write what they like
        return None
