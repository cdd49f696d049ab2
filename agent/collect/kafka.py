"""A Kafka topic in, events out: a message is acknowledged only once what it holds is kept.

Kafka delivers again what was not acknowledged, so the keeper must recognise an event by its id. What is
no event goes to the dead-letter topic with the reason, and is acknowledged when it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.collect.events import NotAnEvent, to_event
from agent.config.credentials import credential_path, read_credential
from agent.config.sources import KafkaSection
from agent.errors import SourceError, SourceRefused, SourceUnreachable
from agent.records import Event

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

_KEY = "collect.kafka"
_BATCH = 1000
_WAIT_S = 1.0
_DELIVER_S = 10.0
_QUIET = {"log_level": 2}  # librdkafka tells standard error of every refused connection

Keeper = Callable[[Sequence[Event]], int]


class KafkaSource:
    """One member of a consumer group. Not safe to use from several threads.

    Import and connection happen here, not before. A member has no name of its own: one that has and meets
    a broker that was killed can be shut out for good as its own double.
    """

    def __init__(self, section: KafkaSection, keep: Keeper) -> None:
        self._section = section
        self._keep = keep
        self._name = f"Kafka at {','.join(section.brokers)}"
        self._dead_letter = section.dead_letter or f"{section.topic}-dead-letter"
        self._pending: list[Message] = []
        self._error: KafkaError | None = None
        self._doubtful = False
        self._producer: Any = None
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
                self._pending = [one for one in self._consumer.consume(_BATCH, wait_s) if self._good(one)]
            if not self._pending:
                self._raise_trouble()
                return 0
            events, dead = self._sort(self._pending)
            new = self._keep(events) if events else 0
            if dead:
                self._bury(dead)
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
                    lags[place.partition] = max(0, high - max(place.offset, low))
        except (KafkaException, RuntimeError):
            return {}
        return lags

    def check(self, within_s: float = _DELIVER_S) -> str:
        """Return how many partitions the topic has. Raises SourceError."""
        from confluent_kafka import KafkaException

        try:
            topics = self._consumer.list_topics(self._section.topic, timeout=within_s).topics
        except KafkaException as error:
            raise self._named(self._error or error.args[0]) from error
        topic = topics[self._section.topic]
        if topic.error is not None:
            raise self._named(topic.error)
        return f"{len(topic.partitions)} partitions"

    def _join(self) -> Any:
        from confluent_kafka import Consumer, KafkaException

        settings = {
            **self._connection(),
            "group.id": self._section.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": round(self._section.session_timeout.total_seconds() * 1000),
            "error_cb": self._note_error,
        }
        try:
            consumer = Consumer(settings)
        except KafkaException as error:  # a file it cannot read, a setting it does not take
            raise SourceRefused(f"{self._name} cannot be asked: {error.args[0].str()} ({_KEY})") from error
        consumer.subscribe([self._section.topic])
        return consumer

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
        for message in messages:
            arrived = _arrived(message)
            # a topic that was made anew counts from 0 again: the time tells the two apart
            place = f"{message.topic()}/{message.partition()}/{message.offset()}"
            try:
                events.append(
                    to_event(
                        f"{place}@{arrived.timestamp():.3f}",
                        message.value(),
                        arrived,
                        self._section.format,
                        self._section.fields,
                    )
                )
            except NotAnEvent as why:
                dead.append((message, str(why)))
        return events, dead

    def _bury(self, dead: Sequence[tuple[Message, str]]) -> None:
        """Hand what is no event to the dead-letter topic. Raises SourceError when it was not taken."""
        refused: list[KafkaError] = []
        producer = self._writer()
        for message, why in dead:
            headers = {
                "reason": why.encode(),
                "source": f"{message.topic()}/{message.partition()}/{message.offset()}".encode(),
            }
            producer.produce(
                self._dead_letter,
                message.value(),
                message.key(),
                headers=headers,
                on_delivery=lambda error, _: refused.append(error) if error else None,
            )
        waiting = producer.flush(_DELIVER_S)
        if refused:
            raise self._named(refused[0], "dead_letter")
        if waiting:
            raise SourceUnreachable(f"{self._name} takes no dead letters within {_DELIVER_S:g} s ({_KEY})")

    def _writer(self) -> Any:
        if self._producer is None:
            from concurrent.futures import Future

            from confluent_kafka import KafkaException, Producer
            from confluent_kafka.admin import AdminClient
            from confluent_kafka.cimpl import NewTopic

            admin = AdminClient(self._connection())
            futures: dict[str, Future[None]] = admin.create_topics([NewTopic(self._dead_letter, 1)])
            with suppress(KafkaException, TimeoutError):  # it is there, or may not be made: producing tells
                futures[self._dead_letter].result(_DELIVER_S)
            limit_ms = round(_DELIVER_S * 900)
            self._producer = Producer({**self._connection(), "delivery.timeout.ms": limit_ms, "acks": "all"})
        return self._producer

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
            self.check(_WAIT_S)
            self._doubtful = False

    def _named(self, error: KafkaError, setting: str = "topic") -> SourceError:
        from confluent_kafka import KafkaError

        if error.fatal() or error.code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID):
            self._join_anew()
        text = f"{self._name}: {error.str()}"
        code = error.code()
        if code in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED):
            return SourceRefused(f"{text} ({_KEY}.password_file)")
        if code == KafkaError._SSL:
            return SourceRefused(f"{text} ({_KEY}.ca_file)")
        if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
            return SourceRefused(f"{text} ({_KEY}.{setting})")
        if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return SourceRefused(f"{text} ({_KEY}.username)")
        return SourceUnreachable(f"{text} ({_KEY}.brokers)")

    def _connection(self) -> dict[str, Any]:
        section = self._section
        settings: dict[str, Any] = {
            **_QUIET,
            "bootstrap.servers": ",".join(section.brokers),
            "security.protocol": section.protocol,
            "reconnect.backoff.max.ms": 5000,
        }
        if section.username is not None and section.password_file is not None:
            settings["sasl.mechanism"] = section.mechanism
            settings["sasl.username"] = section.username
            settings["sasl.password"] = read_credential(section.password_file, f"{_KEY}.password_file")
        for name, file in (
            ("ssl.ca.location", section.ca_file),
            ("ssl.certificate.location", section.cert_file),
            ("ssl.key.location", section.key_file),
        ):
            if file is not None:
                settings[name] = str(credential_path(file))
        return settings


def _arrived(message: Message) -> datetime:
    kind, millis = message.timestamp()
    return datetime.fromtimestamp(millis / 1000, UTC) if kind and millis > 0 else datetime.now(UTC)
