"""What a label says beyond its text: the host behind an ``instance``."""

from __future__ import annotations

import re

_INSTANCE = re.compile(r"^(?:[a-z][a-z0-9+.-]*://)?(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^/:?#]*))", re.IGNORECASE)


def host_of(instance: str) -> str:
    """Return the host of an instance label, without scheme, port and path.

    >>> host_of("web1:9100"), host_of("http://web1/health"), host_of("[::1]:9100")
    ('web1', 'web1', '::1')
    """
    match = _INSTANCE.match(instance)
    if not match:
        return instance
    return match["v6"] if match["v6"] is not None else match["name"] or ""
