"""The settings of a Kafka topic in, how it is out, without becoming a member of the group."""

from __future__ import annotations

import time
from typing import Any

from agent.collect.kafkaconnection import KEY, connection, name_of, named, need_library
from agent.config.sources import KafkaSection
from agent.errors import SourceRefused

_WITHIN_S = 10.0


def check_kafka(section: KafkaSection) -> str:
    """Return how many partitions the topic has and what waits there for our group. Raises SourceError."""
    need_library()
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    said: list[KafkaError] = []
    try:
        settings: dict[str, Any] = {**connection(section), "error_cb": said.append}
        admin = AdminClient(settings)
    except KafkaException as error:
        why = error.args[0].str()
        raise SourceRefused(f"{name_of(section)} cannot be asked: {why} ({KEY})") from error
    try:
        topic = admin.list_topics(section.topic, timeout=_WITHIN_S).topics[section.topic]
        if topic.error is not None:
            raise named(section, topic.error)
        waiting = _waiting(admin, section, sorted(topic.partitions))
    except KafkaException as error:
        # "timed out" says less than what the client was told meanwhile
        admin.poll(0.1)
        told = [one for one in said if one.code() != KafkaError._ALL_BROKERS_DOWN]
        raise named(section, told[0] if told else error.args[0]) from error
    return (
        f"topic {section.topic} has {len(topic.partitions)} partitions; "
        f"{waiting} messages wait for group {section.group}"
    )


def _waiting(admin: Any, section: KafkaSection, partitions: list[int]) -> int:
    import confluent_kafka.admin
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

    spec: Any = confluent_kafka.admin  # whose types leave out half of it
    places = [TopicPartition(section.topic, partition) for partition in partitions]
    wanted = [ConsumerGroupTopicPartitions(section.group, places)]
    committed = {one.partition: one.offset for one in _committed(admin, wanted).topic_partitions}
    total = 0
    ends = _offsets(admin, places, spec.OffsetSpec.latest())
    for partition, begin in _offsets(admin, places, spec.OffsetSpec.earliest()).items():
        total += max(0, ends[partition] - max(committed.get(partition, -1), begin))
    return total


def _committed(admin: Any, wanted: list[Any]) -> Any:
    """Return what a group has acknowledged, also from a broker that has had no group so far."""
    from confluent_kafka import KafkaError, KafkaException

    passing = (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE)
    deadline = time.monotonic() + _WITHIN_S
    while True:
        (found,) = admin.list_consumer_group_offsets(wanted, request_timeout=_WITHIN_S).values()
        try:
            return found.result()
        except KafkaException as error:
            if error.args[0].code() not in passing or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _offsets(admin: Any, places: list[Any], spec: Any) -> dict[int, int]:
    asked = admin.list_offsets(dict.fromkeys(places, spec), request_timeout=_WITHIN_S)
    return {place.partition: future.result().offset for place, future in asked.items()}
