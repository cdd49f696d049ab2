"""What an ``instance`` label, a URL or an address names: the host behind it, and the port.

The one place where that is read: what a rule calls a host must be what the inventory calls it. What cannot
be told is empty, never guessed: a remediation is aimed at what comes out of here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_AUTHORITY_END = re.compile(r"[/?#\\]")
_NO_NAME = re.compile(r"[\s\x00-\x1f\x7f\[\]:@%,;'\"`$(){}<>|&*!^=+~]")
_LARGEST_PORT = 65_535
_MORE_THAN_A_NAME = re.compile(r"[/?#\\@]")
_LONGEST = 1024  # a host name has 253 characters at most


@dataclass(frozen=True, slots=True)
class Instance:
    """A host, in lower case and without the final dot, and a port; each empty where there is none."""

    host: str
    port: str


NOWHERE = Instance("", "")


def parse_instance(text: str) -> Instance:
    """Return host and port of an instance label, with or without scheme, user, brackets, port and path.

    An address is written in its shortest form. Of ``2001::24:9290`` nobody can tell whether the end is a
    port; it is an address as it stands, and taken for one.

    >>> parse_instance("https://Web1.Example.test.:8443/health")
    Instance(host='web1.example.test', port='8443')
    >>> parse_instance("[fe80::0:1%eth0]:9100"), parse_instance("2001::24:9290")
    (Instance(host='fe80::1%eth0', port='9100'), Instance(host='2001::24:9290', port=''))
    """
    if len(text) > _LONGEST:
        return NOWHERE
    authority = _AUTHORITY_END.split(_SCHEME.sub("", text.strip(), count=1), maxsplit=1)[0]
    authority = authority.rpartition("@")[2]
    whole = _address(authority)
    if whole:
        return Instance(whole, "")
    if authority.startswith("["):
        inside, closed, after = authority[1:].partition("]")
        host, port = _address(inside), after.removeprefix(":")
        if not closed or (after and not after.startswith(":")):
            return NOWHERE
    else:
        name, colon, port = authority.rpartition(":")
        name = name if colon else port
        port = port if colon else ""
        host = _address(name) or _name(name)
    if port and not _is_port(port):
        return NOWHERE
    return Instance(host, port) if host else NOWHERE


def host_of(text: str) -> str:
    """Return the host that an instance label names, or nothing.

    >>> host_of("web1:9100"), host_of("http://WEB1/health"), host_of("[::1]:9100"), host_of("a:b:c")
    ('web1', 'web1', '::1', '')
    """
    return parse_instance(text).host


def canonical_host(text: str) -> str:
    """Return the name or address of a host in the one form in which it is compared, without a port.

    What is more than a name, as a URL is, stays as it is: nobody is called so.

    >>> canonical_host("[2001:DB8::0:1]:22"), canonical_host("Web1.Example.test."), canonical_host("Büro 1")
    ('2001:db8::1', 'web1.example.test', 'büro 1')
    >>> canonical_host("http://web1"), canonical_host("web1?web2")
    ('http://web1', 'web1?web2')
    """
    found = NOWHERE if _MORE_THAN_A_NAME.search(text) else parse_instance(text)
    return found.host or text.strip().lower().removesuffix(".")


def is_address(host: str) -> bool:
    """Return whether a host is named by an IP address."""
    return bool(_address(host))


def with_host(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels with the ``host`` and ``port`` of their instance beside them.

    What has labels of that name keeps them. Empty labels are none, as in Prometheus; where no host can be
    told there is no label for it.

    >>> with_host({"instance": "web1:9100", "job": ""})
    {'instance': 'web1:9100', 'host': 'web1', 'port': '9100'}
    """
    own = {name: value for name, value in labels.items() if value}
    found = parse_instance(own.get("instance", ""))
    for name, value in (("host", found.host), ("port", found.port)):
        if value:
            own.setdefault(name, value)
    return own


def without_host(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels without the ``host`` and ``port`` that ``with_host`` has put there."""
    found = parse_instance(labels.get("instance", ""))
    told = {"host": found.host, "port": found.port}
    return {name: value for name, value in labels.items() if told.get(name) != value}


def _address(text: str) -> str:
    """Return an IP address in its usual form, with its zone, or nothing."""
    address, percent, zone = text.partition("%")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped  # a socket for both kinds shows the older kind so
    zone = zone.removeprefix("25")  # a percent sign in a URL
    if percent and (parsed.version == 4 or not zone or _NO_NAME.search(zone)):
        return ""
    old = getattr(parsed, "ipv4_mapped", None)  # ::ffff:10.0.0.1 leads where 10.0.0.1 does
    return f"{parsed}%{zone}" if percent else str(old or parsed)


def _name(text: str) -> str:
    name = text.removesuffix(".").lower()
    if not name or _NO_NAME.search(name) or name.startswith((".", "-")) or ".." in name:
        return ""
    return name


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) <= _LARGEST_PORT
