"""What settings name in, what of it cannot be loaded out, by the agent's own functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from agent.check.lines import Line, missing
from agent.config import Settings, check_files
from agent.config.sources import HttpSection
from agent.diagnose.naming.classifier import load_classifier
from agent.errors import ConfigError, Problem
from agent.instance import host_of
from agent.web.access.tokensfile import load_tokens


def check_loaded(settings: Settings, file: Path, as_agent: bool = True) -> Iterator[Problem]:
    """Yield what the agent could not load when it starts or when it needs it.

    Without ``as_agent`` somebody else looks, and what they may not read is passed over.
    """
    unreadable = list(check_files(settings, file))
    if as_agent:
        yield from unreadable
    keys = {problem.key for problem in unreadable}
    tokens, classifier = settings.api.tokens_file, settings.diagnose.classifier
    if "api.tokens_file" not in keys:
        yield from _problems(lambda: load_tokens(tokens))
    if classifier is not None and "diagnose.classifier" not in keys:
        yield from _problems(lambda: load_classifier(classifier))


def _problems(load: Callable[[], object]) -> Iterator[Problem]:
    try:
        load()
    except ConfigError as error:
        yield from error.problems


def secrets_in_the_open(settings: Settings) -> Iterator[Line]:
    """Yield the sources to which a secret would travel unprotected."""
    sections: dict[str, HttpSection | None] = {
        "collect.prometheus": settings.collect.prometheus,
        "collect.search": settings.collect.search,
        "notify.alertmanager": settings.notify.alertmanager,
    }
    for key, section in sections.items():
        if section is None or section.url.startswith("https://") or _is_here(section.url):
            continue
        if section.password_file or section.token_file or section.api_key_file:
            text = f"{section.url} gets its secret over plain http, and anybody on the way reads it"
            yield missing(f"{key}.url", text)
    kafka = settings.collect.kafka
    if kafka is not None and kafka.protocol == "SASL_PLAINTEXT" and kafka.mechanism == "PLAIN":
        text = "the password travels as it is; use SASL_SSL, or SCRAM"
        yield missing("collect.kafka.protocol", text)


def _is_here(url: str) -> bool:
    host = host_of(url)
    return host in ("localhost", "::1") or host.startswith("127.")
