"""What two processes say to each other over pipes: a JSON header, and bytes, each with its length."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Queue
from typing import IO, Any

import orjson

_LENGTHS = struct.Struct("!II")
_LARGEST = 1 << 30


@dataclass(frozen=True, slots=True)
class Message:
    """A header, and bytes that it describes."""

    header: Mapping[str, Any]
    payload: bytes | memoryview = b""


def write_message(stream: IO[bytes], message: Message) -> None:
    """Write one message. Raises OSError when nobody reads any more."""
    header = orjson.dumps(message.header, option=orjson.OPT_SERIALIZE_NUMPY)
    stream.write(_LENGTHS.pack(len(header), len(message.payload)) + header)
    stream.write(message.payload)
    stream.flush()


def read_message(stream: IO[bytes]) -> Message | None:
    """Read one message; None when the other side is gone, or says what is no message."""
    lengths = _read(stream, _LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_size, payload_size = _LENGTHS.unpack(lengths)
    if header_size > _LARGEST or payload_size > _LARGEST:
        return None
    header, payload = _read(stream, header_size), _read(stream, payload_size)
    if len(header) < header_size or len(payload) < payload_size:
        return None
    try:
        content = orjson.loads(header)
    except orjson.JSONDecodeError:
        return None
    return Message(content, payload) if isinstance(content, dict) else None


def _read(stream: IO[bytes], size: int) -> bytes:
    """Read so many bytes, fewer at the end only; an unbuffered stream gives them in pieces."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def incoming() -> Queue[Message]:
    """Return a queue of what comes in; the process ends at once when the other side is gone.

    The other side is the agent: also when it is killed its end of the pipe closes, whatever this process is
    busy with then.
    """
    queue: Queue[Message] = Queue()
    # unbuffered: a buffer's lock, held by a thread that waits, makes the interpreter fail when it ends
    stream = os.fdopen(os.dup(0), "rb", buffering=0)

    def read() -> None:
        while (message := read_message(stream)) is not None:
            queue.put(message)
        os._exit(0)

    threading.Thread(target=read, name="incoming", daemon=True).start()
    return queue
