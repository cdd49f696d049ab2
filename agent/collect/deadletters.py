"""Kafka messages that are no events in, letters on the dead-letter topic out, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agent.collect.kafkaconnection import KEY, connection, name_of, named
from agent.config.sources import KafkaSection
from agent.errors import SourceUnreachable

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

_DELIVER_S = 10.0
_LONGEST = 256 * 1024  # bytes of a message that are kept; a topic takes at most 1 MiB unless told otherwise


class DeadLetters:
    """Writes to the dead-letter topic, which it makes when it is not there. Connects when first used."""

    def __init__(self, section: KafkaSection) -> None:
        self._section = section
        self._topic = section.dead_letter or f"{section.topic}-dead-letter"
        self._producer: Any = None

    def bury(self, dead: Sequence[tuple[Message, str]]) -> None:
        """Hand messages over, each with why. Raises SourceError when one was not taken."""
        refused: list[KafkaError] = []
        producer = self._writer()
        for message, why in dead:
            self._produce(producer, message, why, refused)
        waiting = producer.flush(_DELIVER_S)
        if refused:
            raise named(self._section, refused[0], "dead_letter")
        if waiting:
            text = f"{name_of(self._section)} takes no dead letters within {_DELIVER_S:g} s"
            raise SourceUnreachable(f"{text} ({KEY}.dead_letter)")

    def _produce(self, producer: Any, message: Message, why: str, refused: list[KafkaError]) -> None:
        from confluent_kafka import KafkaError

        value = message.value() or b""
        headers = _headers(message, why, len(value))

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is None:
                return
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and value:
                # the topic takes less than others do: then that it came, from where and why
                producer.produce(self._topic, None, headers=headers, on_delivery=given_up)
            else:
                refused.append(error)

        def given_up(error: KafkaError | None, _: object) -> None:
            if error is not None:
                refused.append(error)

        producer.produce(self._topic, value[:_LONGEST], message.key(), headers=headers, on_delivery=delivered)

    def _writer(self) -> Any:
        if self._producer is None:
            from concurrent.futures import Future

            from confluent_kafka import KafkaException, Producer
            from confluent_kafka.admin import AdminClient
            from confluent_kafka.cimpl import NewTopic

            settings = connection(self._section)
            admin = AdminClient(settings)
            futures: dict[str, Future[None]] = admin.create_topics([NewTopic(self._topic, 1)])
            with suppress(KafkaException, TimeoutError):  # it is there, or may not be made: producing tells
                futures[self._topic].result(_DELIVER_S)
            limit_ms = round(_DELIVER_S * 900)
            # one by one: a batch is refused as a whole, for the size of one letter
            alone = {"delivery.timeout.ms": limit_ms, "acks": "all", "batch.num.messages": 1}
            self._producer = Producer({**settings, **alone})
        return self._producer


def _headers(message: Message, why: str, length: int) -> Mapping[str, bytes]:
    headers = {
        "reason": why.encode("utf-8", "replace"),
        "source": f"{message.topic()}/{message.partition()}/{message.offset()}".encode(),
    }
    if length > _LONGEST:
        headers["bytes"] = str(length).encode()  # that there were; only the first are kept
    return headers
