"""The URL of a channel in, one by which what belongs together is one thread out, where the channel can."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

_MAIL: Mapping[str, str] = {"+References": "<{thread}@opsmend>", "+In-Reply-To": "<{thread}@opsmend>"}
_FIELD: Mapping[str, str] = {":thread": "{thread}"}
# by apprise's scheme: what it has to be told so that a message joins the thread of the ones before
_THREADED: Mapping[str, Mapping[str, str]] = {
    "mailto": _MAIL,
    "mailtos": _MAIL,
    "gchat": {"threadkey": "{thread}"},
    "opsgenie": {"alias": "{thread}"},
    "pagerduty": {"dedup": "{thread}", "action": "map"},
    "json": _FIELD,
    "jsons": _FIELD,
    "form": _FIELD,
    "forms": _FIELD,
    "xml": _FIELD,
    "xmls": _FIELD,
}


def in_thread(url: str, thread: str) -> str:
    """Return a URL whose messages belong to a thread. What its writer has set there already stays.

    >>> in_thread("json://desk:8080/in?verify=no", "shop-incident-7")
    'json://desk:8080/in?verify=no&:thread=shop-incident-7'
    """
    scheme, _, rest = url.partition("://")
    known = _THREADED.get(scheme.lower())
    if known is None or not thread or not rest:
        return url
    given = {part.partition("=")[0].lower() for part in urlsplit(url).query.split("&")}
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in thread)
    more = {key: value.format(thread=name) for key, value in known.items() if key.lower() not in given}
    if not more:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(more, safe=':', quote_via=quote)}"
