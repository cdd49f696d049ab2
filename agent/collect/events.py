"""A message of a stream in, an event out, or the reason why it is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from agent.collect.documents import first
from agent.config.sources import EventFields
from agent.instance import host_of
from agent.records import Event

TEXT_KIND = "message"  # of an event that came as plain text
_LARGEST = 256 * 1024  # bytes
_FRAME = 5  # bytes before the message: zero, and the schema's number
_MOST_LABELS = 30
_LONGEST_LABEL = 500
_LONGEST_KIND = 200
_LATEST_S = 32_503_680_000  # the year 3000


class NotAnEvent(Exception):
    """The message is no event; the text says why."""


def to_event(
    id_: str, body: bytes | None, arrived: datetime, format_: str, fields: EventFields, now: datetime
) -> Event:
    """Return the event a message holds, dated ``now`` at the latest. Raises NotAnEvent.

    One from the future would be news until that time comes.
    """
    if not body or not body.strip():
        raise NotAnEvent("is empty")
    if len(body) > _LARGEST:
        raise NotAnEvent(f"has {len(body)} bytes; at most {_LARGEST} are read")
    body, format_ = _unframed(body, format_)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotAnEvent(f"is no UTF-8: {error.reason} at byte {error.start}") from error
    if format_ == "text" or (format_ == "auto" and not text.lstrip().startswith("{")):
        return Event(id=id_, kind=TEXT_KIND, at=min(arrived, now), message=text.strip(), labels={})
    return _from_json(id_, body, arrived, fields, now)


def _unframed(body: bytes, format_: str) -> tuple[bytes, str]:
    """Return what a schema registry's frame holds: a zero, the number of the schema, the message.

    Only JSON can be read without the schema. Raises NotAnEvent for Avro and protobuf.
    """
    if body[0] != 0 or len(body) <= _FRAME:
        return body, format_
    content = body[_FRAME:]
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError as error:
        schema = int.from_bytes(body[1:_FRAME], "big")
        text = f"is Avro or protobuf by schema {schema} of a registry; only JSON is read"
        raise NotAnEvent(text) from error
    return content, "json"


def _from_json(id_: str, body: bytes, arrived: datetime, fields: EventFields, now: datetime) -> Event:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotAnEvent(f"is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise NotAnEvent("is JSON, but no object")
    kind = first(document, fields.kind)
    if not kind:
        raise NotAnEvent(f"has none of the fields {', '.join(fields.kind)} (collect.kafka.fields.kind)")
    host = first(document, fields.host)
    labels = {"service": first(document, fields.service), "host": host_of(host)}
    told = {*fields.kind, *fields.time, *fields.message}
    return Event(
        id=id_,
        kind=kind[:_LONGEST_KIND],
        at=min(_moment(first(document, fields.time), arrived), now),
        message=first(document, fields.message),
        labels={**_labels(document, told), **{name: value for name, value in labels.items() if value}},
    )


def _labels(document: Mapping[str, Any], told: set[str]) -> dict[str, str]:
    """Return what else the object says in plain values, at its top and under ``labels``."""
    labels: dict[str, str] = {}
    more = document.get("labels")
    for part in (document, more if isinstance(more, Mapping) else {}):
        for name, value in part.items():
            if name in told or len(labels) >= _MOST_LABELS:
                continue
            if isinstance(value, bool | int | float | str) and value != "":
                labels[name[:_LONGEST_KIND]] = str(value)[:_LONGEST_LABEL]
    return labels


def _moment(text: str, otherwise: datetime) -> datetime:
    """Return a time given in unix seconds, milliseconds or RFC 3339."""
    if not text:
        return otherwise
    try:
        number = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise NotAnEvent(f"has a time that is none: {text[:40]!r}") from error
    while _LATEST_S < number < math.inf:
        number /= 1000
    if not 0 <= number <= _LATEST_S:
        raise NotAnEvent(f"has a time that is none: {text[:40]!r}")
    return datetime.fromtimestamp(number, UTC)
