"""A message and the URLs of a target in, how it went with each of them out: sent by a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from agent.cleantext import clean, remember_url
from agent.config.notify import NotifyTarget
from agent.notify.story import Story
from agent.ownprocess import run_own
from agent.records.plain import to_plain

_TIMEOUT_S = 90


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went with one URL: what it is called in messages, its digest, and why it failed, or nothing."""

    name: str
    digest: str
    why: str


def read_urls(target: NotifyTarget) -> list[str]:
    """Return the apprise URLs of a target, one at least. Raises OSError, ValueError for none."""
    try:
        lines = [line.strip() for line in target.url_file.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{target.url_file} is no text") from error
    urls = [line for line in lines if line and not line.startswith("#")]
    if not urls:
        raise ValueError(f"{target.url_file} holds no URL")
    for url in urls:
        remember_url(url)
    return urls


def deliver(urls: Sequence[str], story: Story, without: Iterable[str] = ()) -> list[Outcome]:
    """Send a message to each URL by itself, but not to those whose digest is in ``without``."""
    done = frozenset(without)
    wanted = [url for url in dict.fromkeys(urls) if digest_of(url) not in done]
    return _hand_over(wanted, {"story": story})


def look_at(urls: Sequence[str]) -> list[Outcome]:
    """Return of each URL why a message to it could never be sent, or nothing. Nobody is told."""
    return _hand_over(list(dict.fromkeys(urls)), {"only_look": True})


def reasons(outcomes: Iterable[Outcome]) -> str:
    """Return which URLs did not take a message and why, or nothing."""
    return "; ".join(f"{one.name} {one.why}" for one in outcomes if one.why)


def digest_of(url: str) -> str:
    """Return what a URL is remembered by: it holds secrets itself."""
    return blake2b(url.encode(), digest_size=8).hexdigest()


def _hand_over(urls: Sequence[str], job: Mapping[str, Any]) -> list[Outcome]:
    if not urls:
        return []
    try:
        ran = run_own(
            "agent.notify.send",
            timeout_s=_TIMEOUT_S,
            given=orjson.dumps({**job, "urls": urls}, default=to_plain),
        )
        told = orjson.loads(ran.stdout) if ran.returncode == 0 else None
    except subprocess.TimeoutExpired:
        return [_outcome(url, f"it was not delivered within {_TIMEOUT_S} s") for url in urls]
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, list) or len(told) != len(urls):
        last = ran.stderr.decode(errors="replace").strip().splitlines()[-1:]
        told = [clean(last[0], 300) if last else f"exit code {ran.returncode}"] * len(urls)
    return [_outcome(url, str(why)) for url, why in zip(urls, told, strict=True)]


def _outcome(url: str, why: str) -> Outcome:
    return Outcome(f"{url.partition('://')[0][:20]}://…", digest_of(url), why)
