"""HTTP requests to a source, with its credentials and time limits; every failure a named error."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import orjson
import requests
import urllib3

from agent.collect.deadline import DeadlineAdapter, deadline
from agent.collect.garbage import paused_collection
from agent.collect.lenientjson import parse_leniently
from agent.config.credentials import read_credential
from agent.config.sources import HttpSection
from agent.errors import AnswerTooLarge, SourceRefused, SourceUnreachable

_LARGEST_ANSWER = 128 * 2**20  # bytes
_CHUNK = 256 * 1024
_LONGEST_REASON = 500  # characters of what a source says of an error
_LARGE = 8 * 2**20  # bytes of an answer that is taken apart alone: as objects it is ten times as much
_LONGEST_WAIT_S = 300.0  # whatever a source asks for


_one_large_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's status, the reason given with it, and its body.

    ``wait_s`` is how long the source asks to be left alone (Retry-After).
    """

    status: int
    reason: str
    body: bytes
    wait_s: float = 0.0

    def json(self) -> Any:
        """Return what the body says, parsed anew with each call, or None when it is no JSON."""
        with _one_large_at_a_time if len(self.body) > _LARGE else nullcontext(), paused_collection():
            return parse_leniently(self.body)


class HttpClient:
    """Talks to one source. Safe to use from several threads.

    ``what`` and ``key`` name the source and its section of the settings in errors. While a source that
    gave a Retry-After wants to be left alone it is not asked; who tries is told so at once.
    """

    def __init__(
        self,
        what: str,
        key: str,
        section: HttpSection,
        connections: int = 4,
        largest: int = _LARGEST_ANSWER,
    ) -> None:
        self.name = f"{what} at {section.url}"
        self._key = key
        self._section = section
        self._largest = largest
        self._left_alone: tuple[float, str] = (0.0, "")  # until when by the monotonic clock, and why
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc or a proxy of the user must not change where secrets go
        self._session.headers["Accept-Encoding"] = "gzip"
        self._session.mount(section.url, DeadlineAdapter(pool_connections=1, pool_maxsize=connections))

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Reply:
        """Send a request and return the answer, whatever its status.

        A request that may be repeated is, once, when the connection broke: a kept connection may have
        been closed by the other side. Raises SourceUnreachable or SourceRefused.
        """
        until, why = self._left_alone
        if time.monotonic() < until:
            raise SourceUnreachable(why)
        try:
            return self._send(method, path, json, form)
        except _BrokenConnection as error:
            if not repeatable:
                raise SourceUnreachable(str(error)) from error
        time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 - several agents must not come back in step
        try:
            return self._send(method, path, json, form)
        except _BrokenConnection as error:
            raise SourceUnreachable(str(error)) from error

    def refuse(self, reply: Reply, said: str, missing: str) -> Exception:
        """Return the error for a bad status; ``missing`` names the setting to look at after a 404."""
        text = f"{self.name} answers {reply.status}: {(said or reply.reason)[:_LONGEST_REASON]}"
        if reply.status == 429 or reply.status >= 500:
            if reply.wait_s > 0:
                text += f"; it asks to be left alone for {reply.wait_s:.0f} s"
                self._left_alone = (time.monotonic() + reply.wait_s, text)
            return SourceUnreachable(text)
        if reply.status in (401, 403):
            return SourceRefused(f"{text} ({self._way_in()})")
        if reply.status in (404, 405):
            return SourceRefused(f"{text} ({self._key}.{missing})")
        if 300 <= reply.status < 400:
            return SourceRefused(f"{text}; redirects are not followed ({self._key}.url)")
        return SourceRefused(text)

    def _way_in(self) -> str:
        section = self._section
        for name in ("password_file", "token_file", "api_key_file", "cert_file"):
            if getattr(section, name) is not None:
                return f"{self._key}.{name}"
        return f"{self._key}: give username and password_file, or token_file"

    def _tls_setting(self, why: str) -> str:
        if "verify failed" in why or "doesn't match" in why:
            return f"{self._key}.ca_file"
        if "version" in why or "record layer" in why:
            return f"{self._key}.url: does it speak https?"
        wanted = "does it want one of ours?" if self._section.cert_file is None else "is it a good one?"
        return f"{self._key}.cert_file: {wanted}"

    def _send(self, method: str, path: str, json: Any, form: Mapping[str, str] | None) -> Reply:
        timeout_s = self._section.timeout.total_seconds()
        headers = self._headers()
        if json is not None:
            headers["Content-Type"] = "application/json"
        try:
            with (
                deadline(timeout_s) as ends_at,
                self._session.request(
                    method,
                    self._section.url + path,
                    data=orjson.dumps(json) if json is not None else form,
                    headers=headers,
                    timeout=timeout_s,
                    allow_redirects=False,
                    stream=True,
                    verify=self._trusted(),
                    cert=self._certificate(),
                ) as response,
            ):
                body = self._read(response, ends_at)
                wait_s = _wait_s(response.headers.get("Retry-After", ""))
                return Reply(response.status_code, response.reason, body, wait_s)
        except requests.exceptions.SSLError as error:
            why = root_cause(error)
            raise SourceRefused(f"{self.name}: TLS failed: {why} ({self._tls_setting(why)})") from error
        except urllib3.exceptions.ReadTimeoutError as error:
            raise SourceUnreachable(self._slow()) from error
        except urllib3.exceptions.HTTPError as error:  # while the body was read
            raise SourceUnreachable(f"{self.name} breaks off its answer: {root_cause(error)}") from error
        except requests.exceptions.ConnectionError as error:
            if "Connection aborted" in str(error) or "RemoteDisconnected" in str(error):
                why = f"{self.name} closes the connection without an answer ({self._key}.url)"
                raise _BrokenConnection(why) from error
            why = f"{self.name} does not answer: {root_cause(error)} ({self._key}.url)"
            raise SourceUnreachable(why) from error
        except (requests.exceptions.Timeout, TimeoutError) as error:
            raise SourceUnreachable(self._slow()) from error
        except (OSError, requests.RequestException) as error:
            raise SourceRefused(f"{self.name} cannot be asked: {root_cause(error)} ({self._key})") from error

    def _read(self, response: requests.Response, ends_at: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        # what is there, not a whole chunk: one who sends byte by byte must not outlast the deadline
        while part := response.raw.read1(_CHUNK, decode_content=True):
            size += len(part)
            parts.append(part)
            if size > self._largest:
                raise AnswerTooLarge(f"{self.name} answers more than {self._largest >> 20} MiB")
            if time.monotonic() > ends_at:  # a time limit of requests counts from byte to byte
                raise SourceUnreachable(self._slow())
        return b"".join(parts)

    def _slow(self) -> str:
        limit_s = self._section.timeout.total_seconds()
        return f"{self.name} does not answer within {limit_s:g} s ({self._key}.timeout)"

    def _headers(self) -> dict[str, str]:
        # read every time: credentials are replaced while the agent runs
        section, headers = self._section, {}
        if section.username is not None and section.password_file is not None:
            secret = read_credential(section.password_file, f"{self._key}.password_file")
            headers["Authorization"] = _basic(section.username, secret)
        elif section.token_file is not None:
            secret = self._header_secret(section.token_file, "token_file")
            headers["Authorization"] = f"Bearer {secret}"
        elif section.api_key_file is not None:
            secret = self._header_secret(section.api_key_file, "api_key_file")
            headers["Authorization"] = f"ApiKey {secret}"
        tenant = getattr(section, "tenant", None)
        if tenant:
            headers["X-Scope-OrgID"] = tenant
        return headers

    def _header_secret(self, file: Path, setting: str) -> str:
        secret = read_credential(file, f"{self._key}.{setting}")
        if not secret.isascii():
            raise SourceRefused(f"{file} holds what no header can carry ({self._key}.{setting})")
        return secret

    def _trusted(self) -> str | bool:
        return str(self._section.ca_file) if self._section.ca_file else True

    def _certificate(self) -> str | tuple[str, str] | None:
        section = self._section
        if section.cert_file is None:
            return None
        certificate = str(section.cert_file)
        return (certificate, str(section.key_file)) if section.key_file else certificate


class _BrokenConnection(Exception):
    """The connection was closed while a request was under way."""


def _basic(username: str, password: str) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


def _wait_s(retry_after: str) -> float:
    """Return the seconds that a Retry-After header asks for: it gives them, or a date."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            moment = parsedate_to_datetime(retry_after)
        except ValueError:
            return 0.0
        seconds = (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT_S) if seconds == seconds else 0.0


def root_cause(error: BaseException) -> str:
    """Return the innermost reason, which names the fact instead of urllib3's wrappers."""
    seen: BaseException = error
    for _ in range(8):
        inner = getattr(seen, "reason", None) or seen.__cause__ or (seen.args[0] if seen.args else None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    text = str(seen)
    return text.split(": ", 1)[-1] if text.startswith("<") or "object at 0x" in text else text
