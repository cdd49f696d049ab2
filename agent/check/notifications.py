"""The targets of messages in, whether each could be told and, where wanted, was told out."""

from __future__ import annotations

from collections.abc import Iterator
from socket import gethostname

from agent.check.lines import Line, good, missing, wrong
from agent.config import Settings
from agent.config.policyfile import PolicyFile
from agent.notify.delivery import deliver, look_at, read_urls


def check_notifications(settings: Settings, policy: PolicyFile | None, send: bool) -> Iterator[Line]:
    """Yield how each target of messages is; with ``send`` each gets a message that says that it is a test."""
    notify = settings.notify
    if not notify.targets:
        text = "there are none: nobody hears of what the agent gives to people (notify.targets)"
        yield missing("messages", text)
    elif not notify.escalate_to:
        yield missing("messages", "notify.escalate_to names no target: nobody hears of what is for people")
    if policy is not None and notify.targets and not policy.approval.contacts and not notify.escalate_to:
        yield missing("messages", "nobody is asked for approvals (approval.contacts in policy.yml)")
    for name in notify.targets:
        yield _check(settings, name, send)


def _check(settings: Settings, name: str, send: bool) -> Line:
    what = f"messages to {name}"
    file = settings.notify.targets[name].url_file
    try:
        urls = read_urls(settings.notify.targets[name])
    except OSError as error:
        return wrong(what, f"{file} cannot be read: {error.strerror}")
    if not urls:
        return wrong(what, f"{file} holds no URL")
    title = f"[{settings.agent.name}] test"
    body = f"This is a test by opsmend check on {gethostname()}. Nothing is wrong."
    if why := deliver(urls, title, body) if send else look_at(urls):
        return wrong(what, f"{why} ({file})")
    if send:
        return good(what, "was told, by a message that says it is a test")
    return good(what, f"{len(urls)} URLs; --send tells it")
