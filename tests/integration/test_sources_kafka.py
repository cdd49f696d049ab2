"""Events from a real Kafka broker: each acknowledged one is in the store, exactly once."""

import contextlib
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agent.collect.kafka import KafkaSource
from agent.collect.kafkacheck import check_kafka
from agent.config.sources import KafkaSection
from agent.errors import SourceError, SourceRefused, SourceUnreachable, StoreUnavailable
from agent.store import Stores, open_stores
from tests.servers.certificates import make_certificates
from tests.servers.kafka import Kafka
from tests.servers.process import free_port, wait_until

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[Kafka]:
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    with server.running():
        yield server


@pytest.fixture
def topic(broker) -> str:
    name = f"events-{random.randrange(10**9)}"
    broker.create(name, partitions=2)
    return name


@pytest.fixture
def stores(tmp_path) -> Iterator[Stores]:
    opened = open_stores(tmp_path / "opsmend.db")
    yield opened
    opened.close()


def source(broker, topic, stores, **more) -> KafkaSource:
    group = {"topic": topic, "group": f"g-{topic}", "session_timeout": "2s"}
    section = KafkaSection(brokers=broker.bootstrap, **group, **more)
    return KafkaSource(section, lambda events: stores.events.take(events, datetime.now(UTC)))


def read_all(source, count, timeout_s=20) -> int:
    """Read until ``count`` new events have come."""
    new = 0
    deadline = time.monotonic() + timeout_s
    while new < count and time.monotonic() < deadline:
        new += source.read(0.3)
    return new


def test_json_and_text_become_events(broker, topic, stores):
    broker.produce(
        topic,
        [
            '{"kind": "deployment", "timestamp": 1760000000, "service": "cart", "host": "web1:80", "v": "2"}',
            "the backup has ended",
        ],
        partition=0,
    )
    one = source(broker, topic, stores)
    assert read_all(one, 2) == 2
    one.close()
    deployment, text = stores.events.since(LONG_AGO)
    assert (deployment.kind, deployment.at) == ("deployment", datetime.fromtimestamp(1760000000, UTC))
    assert deployment.labels == {"service": "cart", "host": "web1", "v": "2"}
    assert (text.kind, text.message) == ("message", "the backup has ended")


def test_offsets_are_committed_only_after_the_events_are_stored(broker, topic, stores):
    broker.produce(topic, [f'{{"kind": "k", "n": {n}}}' for n in range(10)], partition=0)
    section = KafkaSection(brokers=broker.bootstrap, topic=topic, group=f"g-{topic}", session_timeout="2s")
    full = True

    def keep(events):
        if full:
            raise StoreUnavailable("the disk is full")
        return stores.events.take(events, datetime.now(UTC))

    one = KafkaSource(section, keep)
    with pytest.raises(StoreUnavailable):
        read_all(one, 1)
    assert broker.committed(section.group, topic)[0] < 0
    full = False
    assert read_all(one, 10) == 10
    one.close()
    assert broker.committed(section.group, topic)[0] == 10


def test_what_is_delivered_again_counts_once(broker, topic, stores):
    broker.produce(topic, [f'{{"kind": "k", "n": {n}}}' for n in range(50)], partition=0)
    for group in ("a", "b"):
        section = KafkaSection(brokers=broker.bootstrap, topic=topic, group=f"{group}-{topic}")
        one = KafkaSource(section, lambda events: stores.events.take(events, datetime.now(UTC)))
        assert read_all(one, 50, 5) == (50 if group == "a" else 0)
        one.close()
    assert len(stores.events.since(LONG_AGO)) == 50


def test_poison_goes_to_the_dead_letters_with_its_reason_and_stops_nothing(broker, topic, stores):
    wrong_time = '{"kind": "k", "time": "yesterday"}'
    poison = ['{"kind": ', b"\xff\xfe", b"", '{"no": "kind"}', wrong_time, "{" * 300_000]
    good = [f'{{"kind": "k", "n": {n}}}' for n in range(6)]
    broker.produce(topic, [one for pair in zip(poison, good, strict=True) for one in pair], partition=0)
    one = source(broker, topic, stores)
    assert read_all(one, 6) == 6
    one.close()
    letters = broker.read(f"{topic}-dead-letter", 6)
    assert [letter[1]["source"] for letter in letters] == [f"{topic}/0/{n}".encode() for n in range(0, 12, 2)]
    reasons = [letter[1]["reason"].decode() for letter in letters]
    for reason, said in zip(
        reasons, ["no JSON", "no UTF-8", "is empty", "none of the fields", "yesterday", "bytes"], strict=True
    ):
        assert said in reason


def test_a_dead_letter_that_is_too_large_is_cut_and_stops_nothing(broker, topic, stores):
    name = f"{topic}-large"
    broker.create(name, max_message_bytes="4000000")
    broker.create(f"{name}-dead-letter", max_message_bytes="2000")
    broker.produce(name, [b"{" + b"x" * 3_000_000, b"{" * 1000, '{"kind": "k"}'])
    one = source(broker, name, stores)
    assert read_all(one, 1) == 1
    one.close()
    large, small = sorted(broker.read(f"{name}-dead-letter", 2), key=lambda letter: len(letter[0] or b""))
    assert (large[0], large[1]["bytes"]) == (None, b"3000001")
    assert b"3000001 bytes" in large[1]["reason"]
    assert small[0] == b"{" * 1000


def test_times_beyond_all_reason_stop_nothing(broker, topic, stores):
    name = f"{topic}-odd"
    anything = {"message_timestamp_after_max_ms": str(2**63 - 1)}
    broker.create(name, **anything)
    for millis in (2**62, 1, 4_102_444_800_000):
        broker.produce(name, ["text", '{"kind": "k", "time": "0001-01-01T00:00:00"}'], timestamp=millis)
    one = source(broker, name, stores)
    assert read_all(one, 6) == 6
    one.close()
    assert max(event.at for event in stores.events.since(LONG_AGO)) <= datetime.now(UTC)


def test_two_members_share_the_partitions_and_one_takes_over(broker, topic, stores):
    one, two = source(broker, topic, stores), source(broker, topic, stores)
    stop = threading.Event()
    taken = {"one": 0, "two": 0}

    def work(name, member, until):
        while not until.is_set():
            taken[name] += member.read(0.1)
        member.close()

    leave = threading.Event()
    threads = [
        threading.Thread(target=work, args=("one", one, leave)),
        threading.Thread(target=work, args=("two", two, stop)),
    ]
    for thread in threads:
        thread.start()
    try:
        number = 0

        def both_have_some():
            nonlocal number
            for partition in (0, 1):
                broker.produce(topic, [f'{{"kind": "k", "n": {number}}}'], partition)
            number += 2
            time.sleep(0.2)
            return all(taken.values())

        wait_until(both_have_some, 60, lambda: str(taken))
        leave.set()
        threads[0].join(10)
        for partition in (0, 1):
            broker.produce(topic, [f'{{"kind": "late", "n": {partition}}}'], partition)
        kinds = lambda: [event.kind for event in stores.events.since(LONG_AGO)]  # noqa: E731
        wait_until(lambda: kinds().count("late") == 2, 60, "no takeover")
        wait_until(lambda: len(stores.events.since(LONG_AGO)) == number + 2, 60, lambda: str(taken))
    finally:
        leave.set()
        stop.set()
        for thread in threads:
            thread.join(10)


def test_lag_is_told(broker, topic, stores):
    one = source(broker, topic, stores)
    broker.produce(topic, ["a", "b", "c"], partition=0)
    assert read_all(one, 3) == 3
    assert one.lag()[0] == 0
    one.close()


def test_lag_after_a_restart_is_what_was_not_acknowledged(broker, topic, stores):
    broker.produce(topic, ["a", "b", "c"], partition=0)
    one = source(broker, topic, stores)
    assert read_all(one, 3) == 3
    one.close()
    again = source(broker, topic, stores)
    wait_until(lambda: again.read(0.2) == 0 and len(again.lag()) == 2, 60, lambda: str(again.lag()))
    assert again.lag() == {0: 0, 1: 0}
    again.close()


def test_a_member_that_was_held_up_too_long_goes_on(broker, topic, stores, monkeypatch):
    """The store is full for longer than the broker waits for us: the group goes on without us."""
    monkeypatch.setattr("agent.collect.kafka._MOST_HELD_UP_MS", 3000)
    broker.produce(topic, [f'{{"kind": "k", "n": {n}}}' for n in range(10)], partition=0)
    full = True

    def keep(events):
        if full:
            raise StoreUnavailable("the disk is full")
        return stores.events.take(events, datetime.now(UTC))

    section = KafkaSection(brokers=broker.bootstrap, topic=topic, group=f"g-{topic}", session_timeout="2s")
    one = KafkaSource(section, keep)
    with pytest.raises(StoreUnavailable):
        read_all(one, 1)
    time.sleep(5)
    full = False
    new = 0

    def all_in():
        nonlocal new
        with contextlib.suppress(SourceUnreachable):
            new += one.read(0.3)
        return new >= 10 and broker.committed(section.group, topic)[0] == 10

    wait_until(all_in, 60, lambda: f"{new} {broker.committed(section.group, topic)}")
    one.close()
    assert len(stores.events.since(LONG_AGO)) == 10


def test_a_topic_that_is_not_there_is_named(broker, stores):
    lost = source(broker, "no-such-topic", stores)
    with pytest.raises(SourceRefused, match=r"collect\.kafka\.topic"):
        read_all(lost, 1, 15)
    lost.close()


def test_nobody_listening_is_named(stores):
    section = KafkaSection(brokers=f"127.0.0.1:{free_port()}")
    lost = KafkaSource(section, lambda events: 0)
    with pytest.raises(SourceUnreachable, match=r"collect\.kafka\.brokers"):
        read_all(lost, 1, 15)
    lost.close()


def test_a_broker_that_was_killed_is_taken_up_again(tmp_path, stores):
    folder = tmp_path / "kafka"
    folder.mkdir()
    broker = Kafka(folder)
    with broker.running():
        broker.create("t")
        broker.produce("t", [f'{{"kind": "k", "n": {n}}}' for n in range(100)])
        one = source(broker, "t", stores)
        assert read_all(one, 100) == 100
        broker.kill()
        with pytest.raises(SourceUnreachable):
            read_all(one, 1, 15)
        broker.start()
        broker.produce("t", [f'{{"kind": "k", "n": {n}}}' for n in range(100, 200)])
        new = 0

        def all_in():
            nonlocal new
            with contextlib.suppress(SourceUnreachable):
                new += one.read(0.3)
            return new == 100

        wait_until(all_in, 60, lambda: str(new))
        one.close()
    assert len(stores.events.since(datetime.now(UTC) - timedelta(days=1))) == 200


@pytest.mark.parametrize(("password", "lets_in"), [("secret", True), ("wrong", False)])
def test_sasl_with_a_password_from_a_file(tmp_path, stores, password, lets_in):
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    jaas = f'{module} username="opsmend" password="secret" user_opsmend="secret";'
    listener = "listener.name.sasl_plaintext"
    settings = [
        "sasl.enabled.mechanisms=PLAIN",
        "sasl.mechanism.inter.broker.protocol=PLAIN",
        f"{listener}.plain.sasl.jaas.config={jaas}",
    ]
    access = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "opsmend"}
    folder = tmp_path / "kafka"
    folder.mkdir()
    broker = Kafka(folder, "SASL_PLAINTEXT", settings, {**access, "sasl.password": "secret"})
    file = tmp_path / "password"
    file.write_text(f"{password}\n")
    with broker.running():
        broker.create("t")
        broker.produce("t", ["hello"])
        one = source(
            broker,
            "t",
            stores,
            protocol="SASL_PLAINTEXT",
            mechanism="PLAIN",
            username="opsmend",
            password_file=str(file),
        )
        if lets_in:
            assert read_all(one, 1) == 1
        else:
            with pytest.raises(SourceRefused, match=r"collect\.kafka\.password_file"):
                read_all(one, 1, 15)
        one.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("tls"))


def guarded(folder, certificates, name):
    """Make a broker that shows a certificate and wants one of its clients."""
    folder.mkdir()
    stores = [
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={certificates / name}.pem",
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={certificates / 'ca.crt'}",
        "ssl.client.auth=required",
    ]
    access = {
        "security.protocol": "SSL",
        "ssl.ca.location": str(certificates / "ca.crt"),
        "ssl.certificate.location": str(certificates / "client.crt"),
        "ssl.key.location": str(certificates / "client.key"),
        "enable.ssl.certificate.verification": "false",
    }
    return Kafka(folder, "SSL", stores, access)


def test_a_certificate_of_ours_lets_us_in(tmp_path, stores, certificates):
    ours = {"cert_file": certificates / "client.crt", "key_file": certificates / "client.key"}
    broker = guarded(tmp_path / "kafka", certificates, "good")
    with broker.running():
        broker.create("t")
        broker.produce("t", ["hello"])
        one = source(broker, "t", stores, protocol="SSL", ca_file=certificates / "ca.crt", **ours)
        assert read_all(one, 1) == 1
        assert "1 partitions; 0 messages wait" in check_kafka(one._section)
        one.close()
        for wrong, setting in (({"ca_file": certificates / "ca.crt"}, "cert_file"), (ours, "ca_file")):
            section = KafkaSection(brokers=broker.bootstrap, topic="t", protocol="SSL", **wrong)
            with pytest.raises(SourceError, match=rf"collect\.kafka\.{setting}"):
                check_kafka(section)


def test_an_expired_certificate_of_the_broker_is_named(stores, certificates):
    """A broker does not even start with one; a proxy before it does not mind."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "expired.crt", certificates / "expired.key")

    def accept(listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as one:
                    one.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        brokers = f"127.0.0.1:{listener.getsockname()[1]}"
        section = KafkaSection(brokers=brokers, protocol="SSL", ca_file=certificates / "ca.crt")
        lost = KafkaSource(section, lambda events: 0)
        with pytest.raises(SourceRefused, match=r"certificate verify failed.*collect\.kafka\.ca_file"):
            read_all(lost, 1, 15)
        lost.close()


def test_a_topic_that_is_deleted_and_made_anew_is_read_from_its_beginning(broker, topic, stores, monkeypatch):
    monkeypatch.setattr("agent.collect.kafkatopic._EVERY_S", 0.5)
    reader = source(broker, topic, stores)
    event = b'{"kind": "deploy", "n": %d}'
    broker.produce(topic, [event % number for number in range(20)])
    assert read_all(reader, 20) == 20
    broker.delete(topic)
    time.sleep(1)
    with contextlib.suppress(SourceError):
        reader.read(0.3)
    broker.create(topic, partitions=1)  # fewer than before
    broker.produce(topic, [event % number for number in range(100, 107)])
    new, deadline = 0, time.monotonic() + 40
    while new < 7 and time.monotonic() < deadline:
        with contextlib.suppress(SourceError):
            new += reader.read(0.3)
    reader.close()
    assert new == 7


def test_what_a_schema_registry_frames_is_read_and_a_tombstone_is_no_mistake(broker, topic, stores):
    reader = source(broker, topic, stores)
    framed = b"\x00" + (7).to_bytes(4, "big")
    broker.produce(topic, [framed + b'{"kind": "deploy"}', framed + b"\x02\x06abc", None])
    assert read_all(reader, 1) == 1
    (letter,) = broker.read(f"{topic}-dead-letter", 1)
    assert b"schema 7" in letter[1]["reason"]
    deadline = time.monotonic() + 10
    while sum(reader.lag().values()) and time.monotonic() < deadline:
        reader.read(0.3)
    assert sum(max(0, offset) for offset in broker.committed(f"g-{topic}", topic, 2)) == 3
    reader.close()
