"""A real Kafka broker."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.servers.java import MACHINE, JavaServer
from tests.servers.maven import RECIPES, fetched
from tests.servers.process import wait_until

_QUIET = {"log_level": 2}  # librdkafka tells standard error of every refused connection


class Kafka(JavaServer):
    """One broker. ``listener`` is PLAINTEXT, SASL_PLAINTEXT or SSL; ``client`` what a client then needs.

    ``seen_at`` is the port that clients are sent to, where that is not its own: a proxy's.
    """

    def __init__(
        self,
        folder: Path,
        listener: str = "PLAINTEXT",
        settings: Sequence[str] = (),
        client: Mapping[str, str] | None = None,
        seen_at: int | None = None,
    ) -> None:
        super().__init__(folder)
        self._seen_at = seen_at or self.port
        self._home = fetched("kafka")
        self._client = {**_QUIET, **(client or {})}
        text = (RECIPES / "kafka" / "server.properties").read_text()
        for name, value in (
            ("@SEEN_AT@", self._seen_at),
            ("@PORT@", self.port),
            ("@CONTROLLER_PORT@", self.other_port),
            ("@DATA@", folder / "data"),
            ("@LISTENER@", listener),
        ):
            text = text.replace(name, str(value))
        (folder / "server.properties").write_text("\n".join([text, *settings]))
        self._format()

    @property
    def bootstrap(self) -> str:
        """Return its address."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        """Return what to run."""
        return self._java("kafka.Kafka", str(self.folder / "server.properties"))

    def ready(self) -> bool:
        """Return whether it lists topics."""
        with contextlib.suppress(KafkaException):
            return bool(self._admin().list_topics(timeout=1).brokers)
        return False

    def create(self, topic: str, partitions: int = 1, **settings: str) -> None:
        """Create a topic and wait until it is there. Underscores in names of settings are dots."""
        admin = self._admin()
        config = {name.replace("_", "."): value for name, value in settings.items()}
        (future,) = admin.create_topics([NewTopic(topic, partitions, 1, config=config)]).values()
        future.result(10)
        wait_until(lambda: topic in admin.list_topics(timeout=2).topics, 10, "no topic")

    def delete(self, topic: str) -> None:
        """Delete a topic and wait until it is gone."""
        admin = self._admin()
        (future,) = admin.delete_topics([topic]).values()
        future.result(10)
        wait_until(lambda: topic not in admin.list_topics(timeout=2).topics, 20, "still there")

    def produce(
        self, topic: str, values: Iterable[bytes | str | None], partition: int | None = None, **more: int
    ) -> None:
        """Write messages and wait until the broker has them."""
        large = {"linger.ms": 5, "message.max.bytes": 10_000_000}
        producer = Producer({**self._client, "bootstrap.servers": self.bootstrap, **large})
        place = more if partition is None else {"partition": partition, **more}
        for number, value in enumerate(values):
            producer.produce(topic, value, **place)
            if number % 5000 == 0:
                producer.poll(0)
        assert producer.flush(30) == 0

    def read(self, topic: str, count: int, timeout_s: float = 20) -> list[tuple[bytes, dict[str, bytes]]]:
        """Return the first ``count`` messages of partition 0 with their headers."""
        consumer = Consumer({**self._client, "bootstrap.servers": self.bootstrap, "group.id": "reader"})
        consumer.assign([TopicPartition(topic, 0, 0)])
        found = []
        try:
            for message in consumer.consume(count, timeout_s):
                assert not message.error(), message.error()
                found.append((message.value(), dict(message.headers() or [])))
        finally:
            consumer.close()
        return found

    def committed(self, group: str, topic: str, partitions: int = 1) -> list[int]:
        """Return the offsets a group has committed, per partition."""
        consumer = Consumer({**self._client, "bootstrap.servers": self.bootstrap, "group.id": group})
        try:
            places = [TopicPartition(topic, number) for number in range(partitions)]
            return [place.offset for place in consumer.committed(places, timeout=10)]
        finally:
            consumer.close()

    def _admin(self) -> AdminClient:
        return AdminClient({**self._client, "bootstrap.servers": self.bootstrap})

    def _format(self) -> None:
        # Kafka's command line takes an id that begins with a dash for an option
        cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        tool = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c")
        command = self._java(*tool, str(self.folder / "server.properties"))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def _java(self, *arguments: str) -> Sequence[str]:
        memory = ("-Xms128m", "-Xmx256m", "-XX:MaxDirectMemorySize=128m")
        return ["java", *memory, *MACHINE, "-cp", f"{self._home}/lib/*", *arguments]
