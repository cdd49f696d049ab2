"""A document or an answer of a search engine in, its fields out: a log line, or why something failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agent.config.sources import LogFields
from agent.instance import host_of
from agent.records import LogLine

_LONGEST_REASON = 300


def to_line(hit: Mapping[str, Any], fields: LogFields) -> LogLine | None:
    """Return a hit as a line, or None when it has no time. One without a text is a line all the same."""
    source = hit.get("_source") or {}
    message = first(source, fields.message)
    sort = hit["sort"][0]
    if not isinstance(sort, int | float):
        return None
    host = first(source, fields.host)
    service, level = first(source, fields.service), first(source, fields.level)
    labels = {"service": service, "host": host_of(host), "level": level}
    return LogLine(
        id=f"{hit.get('_index')}/{hit.get('_id')}",
        at=datetime.fromtimestamp(sort / 1000, UTC),
        message=message,
        labels={name: value[:200] for name, value in labels.items() if value},
    )


def first(document: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the first of the fields that is there as text, else an empty one.

    >>> first({"log": {"level": "error"}, "a.b": 1}, ["nothing", "log.level"])
    'error'
    """
    for name in names:
        value = field_at(document, name, None)
        if isinstance(value, list) and value:
            # journald writes a text as its bytes where one of them is no UTF-8
            value = _text_of_bytes(value) if len(value) > 1 else value[0]
        if isinstance(value, bool | int | float | str) and value != "":
            return str(value)
    return ""


def _text_of_bytes(values: list[Any]) -> Any:
    """Return what a list of bytes says, or the first of other values."""
    try:
        return bytes(values).decode("utf-8", "replace")
    except (TypeError, ValueError):
        return values[0]


def field_at(document: Any, name: str, default: Any) -> Any:
    """Return a field by its dotted name, written with dots or as objects, or in part each."""
    if not isinstance(document, dict):
        return default
    if name in document:
        return document[name]
    head, dot, rest = name.partition(".")
    while dot:
        if head in document:
            return field_at(document[head], rest, default)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return default


def why_in_part(answer: Any, failed: int) -> str:
    """Return why shards did not answer, in the engine's words, with the setting to look at."""
    failures = field_at(answer, "_shards.failures", [])
    reasons = [
        str(field_at(one, "reason.caused_by.reason", "") or field_at(one, "reason.reason", ""))
        for one in (failures if isinstance(failures, list) else [])
    ]
    said = next((reason for reason in reasons if reason), "")[:_LONGEST_REASON]
    setting = setting_for(said)
    told = f"{failed} shards failed" if failed else "it ran out of time"
    return told + (f": {said}" if said else "") + (f" ({setting})" if setting else "")


def setting_for(reason: str) -> str:
    """Return the setting that helps, where an engine does not sort by what breaks ties by default."""
    if "fielddata" in reason.lower() or "_shard_doc" in reason or "for sorting" in reason:
        return "collect.search.tiebreaker: name a unique field"
    return ""


def reason_of(body: Any) -> str:
    """Return why an engine refuses, in its words: the root cause where it names one."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return error
    causes = field_at(error, "root_cause", None)
    deeper = field_at(causes[0], "reason", "") if isinstance(causes, list) and causes else ""
    return str(deeper or field_at(error, "reason", "") or "")
