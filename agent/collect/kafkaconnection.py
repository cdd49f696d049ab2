"""The settings of a Kafka connection in, what its client library is given out; its errors in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.config.credentials import read_credential
from agent.config.sources import KafkaSection
from agent.environment import where_extra_is
from agent.errors import SourceError, SourceRefused, SourceUnreachable

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

KEY = "collect.kafka"
_QUIET = {"log_level": 2}  # librdkafka tells standard error of every refused connection


def name_of(section: KafkaSection) -> str:
    """Return what a broker is called in messages to people."""
    return f"Kafka at {','.join(section.brokers)}"


def need_library() -> None:
    """Raise SourceRefused that says what to install where the client library is missing."""
    try:
        import confluent_kafka  # noqa: F401
    except ImportError as error:
        raise SourceRefused(f"Kafka cannot be asked: {where_extra_is('kafka')} ({KEY})") from error


def connection(section: KafkaSection) -> dict[str, Any]:
    """Return the settings that every client of the broker needs. Raises SourceRefused."""
    settings: dict[str, Any] = {
        **_QUIET,
        "bootstrap.servers": ",".join(section.brokers),
        "security.protocol": section.protocol,
        "reconnect.backoff.max.ms": 5000,
    }
    if section.username is not None and section.password_file is not None:
        settings["sasl.mechanism"] = section.mechanism
        settings["sasl.username"] = section.username
        settings["sasl.password"] = read_credential(section.password_file, f"{KEY}.password_file")
    for name, file in (
        ("ssl.ca.location", section.ca_file),
        ("ssl.certificate.location", section.cert_file),
        ("ssl.key.location", section.key_file),
    ):
        if file is not None:
            settings[name] = str(file)
    return settings


def named(section: KafkaSection, error: KafkaError, setting: str = "topic") -> SourceError:
    """Return an error of the client library as one of ours, with the setting to look at."""
    from confluent_kafka import KafkaError

    text = f"{name_of(section)}: {error.str()}"
    code = error.code()
    if code in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED):
        return SourceRefused(f"{text} ({KEY}.password_file)")
    # the client tells of one failed handshake twice, and the second time only in words
    if code == KafkaError._SSL or "certificate verify failed" in error.str():
        return SourceRefused(f"{text} ({KEY}.ca_file)")
    if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return SourceRefused(f"{text} ({KEY}.{setting})")
    if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return SourceRefused(f"{text} ({KEY}.username)")
    if code == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return SourceRefused(f"{text} ({KEY}.group)")
    if section.protocol.endswith("SSL") and section.cert_file is None:
        # one that misses our certificate hangs up without a word
        return SourceUnreachable(f"{text} ({KEY}.brokers, or {KEY}.cert_file where it wants one of ours)")
    return SourceUnreachable(f"{text} ({KEY}.brokers)")
