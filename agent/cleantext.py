"""Text of strangers in, text that people may be shown out: no control characters, no secrets, not endless.

Labels, log lines, events, alerts, comments and the words of servers come from outside. On a terminal an
escape sequence among them moves the cursor, hides what stands before, or asks the terminal to type; in a mail
or a page a character that turns the direction of writing makes one name look like another.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_INVISIBLE = "?"  # stands for what must not be shown
_REDACTED = "[redacted]"
_SHORTEST_SECRET = 6  # shorter ones are words that stand in ordinary text
_LONGEST_SECRET = 4096  # longer ones are hidden in part only, where a text is cut
_URL_LOGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE)
# as it stands in a header, whoever has put it into a text
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic|ApiKey)\s+[^\s'\",;]{6,}")
_URL_PARTS = re.compile(r"[/:@?&=#]+")
_KEY_LIKE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_%-]{9,}|[A-Za-z0-9_%-]{20,}")
# words of letters, each with a number of up to three digits: `max_files`, `db-02.example.test`, `10.0.0.7`
_NAME = re.compile(r"[^\W\d_]{0,19}\d{0,3}(?:[_./-][^\W\d_]{0,19}\d{0,3})*")
_NAMED_KEY = re.compile(r"[?&][+-]?([\w-]*(?:token|key|secret|pass|auth)[\w-]*)=([^&#]+)", re.IGNORECASE)
_LONGEST_REASON = 200
_ROOT = Path(__file__).parent

_secrets: set[str] = set()


def clean(text: str, longest: int | None = None, lines: bool = False) -> str:
    r"""Return a text as it may be shown: on one line, or on several where ``lines`` says so.

    >>> clean("web1\x1b[2J\u202e"), clean("a\nb"), clean("a\nb", lines=True), clean("abcdef", longest=3)
    ('web1?[2J?', 'a?b', 'a\nb', 'abc…')
    """
    if longest is not None and len(text) > longest:
        # half of a secret is told too much, so the cut comes after
        text = hide_secrets(text[: longest + _LONGEST_SECRET])[:longest] + "…"
    if not text.isprintable():
        text = "".join(c if c.isprintable() or (lines and c in "\n\t") else _INVISIBLE for c in text)
    return hide_secrets(text)


def hide_secrets(text: str) -> str:
    """Return a text without the logins of URLs and without any secret that was read so far."""
    if "://" in text:
        text = _URL_LOGIN.sub(rf"\g<scheme>{_REDACTED}@", text)
    text = _AUTHORIZATION.sub(rf"\1 {_REDACTED}", text)
    return _without(text, [secret for secret in _secrets if secret in text])


def _without(text: str, secrets: list[str]) -> str:
    """Return a text without secrets, of which one may be a part of another, or begin in one."""
    found = (match.span() for secret in secrets for match in re.finditer(re.escape(secret), text))
    parts, shown = [], 0
    for begin, end in sorted(found):
        if begin >= shown:
            parts += [text[shown:begin], _REDACTED]
        shown = max(shown, end)
    return "".join([*parts, text[shown:]])


def remember_secret(secret: str) -> None:
    """Never show a secret from now on, wherever it turns up."""
    if len(secret) >= _SHORTEST_SECRET:
        _secrets.add(secret)


def remember_url(url: str) -> None:
    """Never show a URL that holds secrets, nor its login, nor what in it looks like a key."""
    remember_secret(url)
    for part in secrets_of_url(url):
        remember_secret(part)


def secrets_of_url(url: str) -> Iterator[str]:
    """Yield the password of a URL, and what in it is called or looks like a key, written and unquoted."""
    login = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
    named = [match[2] for match in _NAMED_KEY.finditer(url)]
    for part in (login.partition(":")[2], *named, *filter(_KEY_LIKE.fullmatch, _URL_PARTS.split(url))):
        yield from (part, unquote(part))  # who uses it takes it apart


def is_name(text: str) -> bool:
    """Return whether a text is what people and programs call things, and nothing that was drawn at random.

    >>> is_name("max_open_files"), is_name("db-02.example.test"), is_name("9f8e7d6c5b4a"), is_name("p@ssword")
    (True, True, False, False)
    """
    return _NAME.fullmatch(text) is not None


def describe_unforeseen(error: BaseException) -> str:
    """Return what kind of error nobody foresaw, where, and what it says, which may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT)] or list(frames)
    where = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    said = clean(str(error), _LONGEST_REASON)
    return f"{type(error).__name__}{where}" + (f": {said}" if said else "")
