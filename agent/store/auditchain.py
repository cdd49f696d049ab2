"""Entries of the audit in, what their chain of hashes proves out: in the table, and in files apart from it.

A file holds one entry a line (JSON, gzip), so that it can be read and verified with nothing else at hand: it
says which hash it follows and which it ends with.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import StoreError
from agent.wholefile import replacing

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry. ``subject`` is what it is about, such as ``incident 7`` or ``run 3``."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """What verifying a chain found: how many entries, the head, and the first entry that is wrong.

    ``previous`` is the hash that the first entry follows: of a part of the chain that is the head of the part
    before. ``first_id`` and ``last_id`` are 0 of an empty one.
    """

    entries: int
    head: str
    previous: str = GENESIS
    first_id: int = 0
    last_id: int = 0
    broken_at: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry as it is chained: its detail is the text that the hash is of."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    previous: str
    hash: str


def hash_of(previous: str, at: datetime, actor: str, action: str, subject: str, detail: str) -> str:
    """Return the hash of an entry, which is that of all before it too."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    content = json.dumps([previous, moment, actor, action, subject, detail], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def walk(links: Iterable[Link], previous: str | None = None, first_id: int | None = None) -> ChainState:
    """Return what a chain proves; ``previous`` and ``first_id`` are what it has to begin with."""
    begins, head, expected = previous, previous, first_id
    first = last = count = 0
    for link in links:
        begins, head = begins or link.previous, head or link.previous
        why = _wrong(link, head, expected)
        if why:
            broken = expected if expected is not None and link.id != expected else link.id
            so_far = ChainState(entries=count, head=head, previous=begins, first_id=first, last_id=last)
            return replace(so_far, broken_at=broken, why=why)
        first, last, count = first or link.id, link.id, count + 1
        head, expected = link.hash, link.id + 1
    return ChainState(
        entries=count, head=head or GENESIS, previous=begins or GENESIS, first_id=first, last_id=last
    )


def write_links(file: Path, links: Iterable[Link]) -> None:
    """Write a part of the chain, durably, whole or not at all. Raises StoreError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        # no name and no time in it: what is written again is the same file
        with (
            replacing(file, 0o640, durable=True) as raw,
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as stream,
        ):
            for link in links:
                stream.write(_to_line(link))
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror or error}") from error


def read_links(file: Path) -> Iterator[Link]:
    """Yield the entries of a file. Raises StoreError when it is none of ours, or damaged."""
    try:
        with gzip.open(file, "rb") as stream:
            for line in stream:
                content = json.loads(line)
                yield Link(**{**content, "at": datetime.fromisoformat(content["at"])})
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{file} is no part of an audit that can be read: {error}") from error


def _wrong(link: Link, previous: str, expected: int | None) -> str:
    if expected is not None and link.id != expected:
        return f"entries {expected} to {link.id - 1} are missing"
    if link.previous != previous:
        return "it does not follow from the entry before"
    if link.hash != hash_of(link.previous, link.at, link.actor, link.action, link.subject, link.detail):
        return "its content is not what its hash says"
    return ""


def _to_line(link: Link) -> bytes:
    content = {name: getattr(link, name) for name in Link.__slots__}
    content["at"] = link.at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"
