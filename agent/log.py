"""Log events with fields: one constant message, the particulars as ``key=value`` or JSON.

On a terminal people get aligned text; under systemd each line is JSON for the journal. Values are
shown with control characters replaced, and anything that looks like a password is left out.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Literal

from agent.cleantext import clean

SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?s?$|pass(word|wd|phrase)s?[-_](?!file|path)|[-_]pwd|pwd[-_]|secret|token"
    r"|(api|access)[-_]?key|private[-_]?key$|authorization|credential",
    re.IGNORECASE,
)
_VALUE_LENGTH = 500

Level = Literal["debug", "info", "warning", "error"]


class Logger:
    """Writes events of one room. ``log.info("run started", run=7, host="web1")``."""

    def __init__(self, room: str) -> None:
        self._logger = logging.getLogger(f"opsmend.{room}")

    def debug(self, message: str, **fields: Any) -> None:
        """Write what helps when looking for a mistake."""
        self._logger.debug(message, extra={"fields": fields})

    def info(self, message: str, **fields: Any) -> None:
        """Write what an operator wants to find later."""
        self._logger.info(message, extra={"fields": fields})

    def warning(self, message: str, **fields: Any) -> None:
        """Write what is not as it should be while the agent goes on."""
        self._logger.warning(message, extra={"fields": fields})

    def error(self, message: str, exception: BaseException | None = None, **fields: Any) -> None:
        """Write what failed; a traceback only for what nobody foresaw."""
        self._logger.error(message, exc_info=exception, extra={"fields": fields})


def redact(key: str, value: Any) -> Any:
    """Return a value as it may be shown: no secrets, no control characters, not endless."""
    if SECRET_NAME.search(key):
        return "[redacted]"
    if isinstance(value, str):
        return clean(value, _VALUE_LENGTH)
    if isinstance(value, dict):
        return {clean(str(name), _VALUE_LENGTH): redact(str(name), one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact("", one) for one in value]
    return value


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = getattr(record, "fields", {})
    return {k: redact(k, v) for k, v in fields.items() if v is not None}


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name.removeprefix("opsmend."),
            "message": redact("", record.getMessage()),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = clean(self.formatException(record.exc_info), lines=True)
        return json.dumps(entry, default=str, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        fields = " ".join(f"{k}={_quote(v)}" for k, v in _fields(record).items())
        room = record.name.removeprefix("opsmend.")
        message = redact("", record.getMessage())
        line = f"{time} {record.levelname.lower():7} {room:9} {message:32} {fields}".rstrip()
        if record.exc_info:
            line += "\n" + clean(self.formatException(record.exc_info), lines=True)
        return line


def _quote(value: Any) -> str:
    text = clean(str(value))
    return json.dumps(text, ensure_ascii=False) if re.search(r'[\s"=]', text) or not text else text


def set_up(level: Level = "info", style: Literal["auto", "text", "json"] = "auto") -> None:
    """Send events to standard error; ``auto`` means text on a terminal and JSON elsewhere."""
    if style == "auto":
        style = "text" if sys.stderr.isatty() else "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_TextFormatter() if style == "text" else _JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("opsmend").setLevel(level.upper())
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
