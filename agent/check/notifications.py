"""Targets of messages in, of each of their URLs whether it could be told and, where wanted, was told out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from socket import gethostname

from agent.check.lines import Line, good, missing, wrong
from agent.config import Settings
from agent.config.policyfile import PolicyFile
from agent.notify.delivery import deliver, look_at, read_urls
from agent.notify.story import Story


def check_notifications(
    settings: Settings, policy: PolicyFile | None, send: bool, as_agent: bool = True
) -> Iterator[Line]:
    """Yield how each target of messages is; with ``send`` each gets a message that says that it is a test.

    Without ``as_agent`` somebody else looks, and what they may not read is passed over.
    """
    notify = settings.notify
    if not notify.targets:
        text = "there are none: nobody hears of what the agent gives to people (notify.targets)"
        yield missing("messages", text)
    elif not notify.escalate_to:
        yield missing("messages", "notify.escalate_to names no target: nobody hears of what is for people")
    if policy is not None and notify.targets and not policy.approval.contacts and not notify.escalate_to:
        yield missing("messages", "nobody is asked for approvals (approval.contacts in policy.yml)")
    for name, target in notify.targets.items():
        if as_agent or os.access(target.url_file, os.R_OK):
            yield from check_target(settings, name, send)


def check_target(settings: Settings, name: str, send: bool) -> Iterator[Line]:
    """Yield how each URL of a target is; with ``send`` each gets a message that says that it is a test."""
    what = f"messages to {name}"
    file = settings.notify.targets[name].url_file
    try:
        urls = read_urls(settings.notify.targets[name])
    except OSError as error:
        yield wrong(what, f"{file} cannot be read: {error.strerror}")
        return
    except ValueError as error:
        yield wrong(what, str(error))
        return
    title = f"[{settings.agent.name}] test"
    body = f"This is a test by opsmend on {gethostname()}. Nothing is wrong."
    well = "was told, by a message that says it is a test" if send else "is understood; --send tells it"
    for one in deliver(urls, Story(title=title, body=body)) if send else look_at(urls):
        yield wrong(what, f"{one.name} {one.why} ({file})") if one.why else good(what, f"{one.name} {well}")
